"""JSON sent to an address: what comes back is taken for success, for another try, or for a refusal for good."""

from collections.abc import Mapping

import httpx
from pydantic import SecretStr

from metier.monitoring.alerts.receiver import NotDelivered
from metier.monitoring.alerts.secret_texts import revealed, without_secrets

# The server is busy or failed: the same may be taken a moment later.
WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429})
MOST_SHOWN = 200  # Characters of a server's reason.
MOST_READ = 4_096  # Bytes of an answer.
LONGEST_PAUSE_SECONDS = 3_600.0


def post_json(
    url: SecretStr,
    path: str,
    body: bytes,
    *,
    headers: Mapping[str, SecretStr],
    seconds: float,
    own: Mapping[str, str],
) -> None:
    """Send JSON.

    Parameters
    ----------
    headers : mapping of str to SecretStr
        Of the settings.
    own : mapping of str to str
        Headers without secrets.

    Raises
    ------
    NotDelivered
        If no answer of 200 to 299 comes; no secret of the URL or the headers is in its reason.
    """
    address = revealed(url).rstrip("/") + path if path else revealed(url)
    shown = {name: revealed(value) for name, value in headers.items()}
    hidden = [address, revealed(url), *shown.values()]
    sent = {"content-type": "application/json", "user-agent": "metier", **own, **shown}
    try:
        # Redirects are not followed: another server must not get the headers.
        with (
            httpx.Client(timeout=seconds, follow_redirects=False) as client,
            client.stream("POST", address, content=body, headers=sent) as answer,
        ):
            _check(answer, hidden)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        reason = without_secrets(f"{type(error).__name__}: {error}", hidden)
        is_final = isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol)
        raise NotDelivered(f"The receiver cannot be reached ({reason}).", is_final=is_final) from None


def _check(answer: httpx.Response, hidden: list[str]) -> None:
    if answer.is_success:
        return
    said = b""
    for piece in answer.iter_bytes(MOST_READ):
        said += piece
        if len(said) >= MOST_READ:
            break
    reason = " ".join(without_secrets(said.decode("utf-8", "replace"), hidden).split())[:MOST_SHOWN]
    is_final = answer.status_code < 500 and answer.status_code not in WORTH_ANOTHER_TRY
    raise NotDelivered(
        f"The receiver answered {answer.status_code}: {reason or answer.reason_phrase or '–'}.",
        is_final=is_final,
        retry_after_seconds=_pause(answer.headers.get("retry-after", "")),
    )


def _pause(said: str) -> float:
    return min(float(said), LONGEST_PAUSE_SECONDS) if said.isascii() and said.isdigit() else 0.0
