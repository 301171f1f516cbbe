"""How long a caller waits for its answer: the header `X-Request-Timeout-Ms`, or the service's own limit.

Once that time is over the request ends with 504; where it still waited for a thread, the model is not asked. So a service
that is overloaded does not work for callers that have given up.
"""

from starlette.types import Scope

from metier.errors import quoted
from metier.serving.refusals import RefusalError

LONGEST_MS = 86_400_000  # A day.


def timeout_of(scope: Scope, limit_ms: int | None) -> float | None:
    """Give the seconds that a request may take; None: as long as it needs.

    Parameters
    ----------
    scope : mapping
    limit_ms : int or None
        The service's own; the shorter of both holds.

    Raises
    ------
    RefusalError
        If the header is no number of milliseconds (400).
    """
    given = next((value for name, value in scope["headers"] if name == b"x-request-timeout-ms"), None)
    if given is None:
        return None if limit_ms is None else limit_ms / 1000
    text = given.decode("latin-1").strip()
    asked = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(LONGEST_MS)) else 0
    if not 1 <= asked <= LONGEST_MS:
        message = (
            f"The header X-Request-Timeout-Ms is {quoted(text)}; expected a whole number of milliseconds from 1 to "
            f"{LONGEST_MS:,}. Send one, or leave the header out."
        )
        raise RefusalError(400, "bad_timeout", message)
    return min(asked, limit_ms or asked) / 1000


def too_late(seconds: float) -> RefusalError:
    """Give the refusal of a request whose time was over."""
    message = (
        f"There was no answer within the {1000 * seconds:,.0f} ms that this request may take. "
        "Ask again later, or allow more time."
    )
    return RefusalError(504, "deadline_passed", message)
