"""The id of a request: the caller's own, or one of ours, so that an answer, its log line and its error can be joined.

A caller's `X-Request-ID` is taken if it is short and plain: it goes into a log and into a header, where control
characters and quotation marks would do harm. Beside it stands what is noted of the request while it is answered, for the
metrics, the log and the trace that are written at its end.
"""

import os
import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from starlette.types import Scope

HEADER = "X-Request-ID"
RAW_HEADER = HEADER.lower().encode()
_is_plain = re.compile(r"[A-Za-z0-9._~:+/=@-]{1,128}").fullmatch
# Set for each request before anything answers it; whatever answers runs in the same context.
_current: ContextVar[str | None] = ContextVar("metier_request_id", default=None)


def begin_request(scope: Scope, is_taken: Callable[[str], bool] = lambda given: True) -> str:
    """Give the id of a request, which `current_request_id` gives from now on.

    Parameters
    ----------
    is_taken : callable
        Whether a caller's own id, short and plain, is taken.
    """
    given = next((value for name, value in scope["headers"] if name == RAW_HEADER), b"").decode("latin-1")
    request_id = given if _is_plain(given) and is_taken(given) else os.urandom(16).hex()
    _current.set(request_id)
    return request_id


def current_request_id() -> str | None:
    """Give the id of the request that is being answered; None: there is none."""
    return _current.get()


@dataclass
class RequestNotes:
    """Notes of one request.

    Parameters
    ----------
    refused : str or None
        The code of the refusal that it got; None: it got none.
    intervals : list of tuple of (str, float, float)
        Name, begin and end of what it was at, in seconds of `time.perf_counter`.
    """

    refused: str | None = None
    intervals: list[tuple[str, float, float]] = field(default_factory=list)


_notes: ContextVar[RequestNotes | None] = ContextVar("metier_request_notes", default=None)


def begin_notes() -> RequestNotes:
    """Give empty notes, which `current_notes` gives from now on to whatever answers the request."""
    notes = RequestNotes()
    _notes.set(notes)
    return notes


def current_notes() -> RequestNotes | None:
    """Give the notes of the request that is being answered; None: there is none."""
    return _notes.get()
