"""The access log: one line for each request, without what was asked or answered, and without addresses.

Two forms: JSON for programs, and the common log format of web servers. A key that a caller sent is shown as eight
digits of its SHA-256, enough to tell callers apart and too few to use.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.types import Scope

LOG = logging.getLogger("metier.access")
LONGEST_PATH = 200  # Characters; an unknown path can be as long as a caller likes.
KEY_HEADERS = ("authorization", "x-api-key", "api-key")

AccessForm = Literal["json", "common", "off"]


@dataclass(frozen=True)
class Access:
    """One request, answered.

    Parameters
    ----------
    time : str
        When it came, in ISO 8601, UTC.
    request_id, method, path : str
        The path without its query, percent-encoded; where personal data is masked that of the endpoint, or `other`.
    status : int
        The HTTP status; 499 where the caller was gone before there was one.
    duration_ms : float
        From the request to the last byte of its answer.
    rows : int or None
        How many rows were asked; None: it asked none, or could not be read.
    key : str or None
        The key that was sent, masked; None: none was.
    code : str or None
        Of the refusal, where it was one.
    """

    time: str
    request_id: str
    method: str
    path: str
    status: int
    duration_ms: float
    rows: int | None
    key: str | None
    code: str | None = None


def access_of(
    scope: Scope,
    *,
    path: str,
    request_id: str,
    status: int,
    began: float,
    seconds: float,
    code: str | None = None,
) -> Access:
    """Describe a request that was answered; its path is `given_path`, or that of its endpoint."""
    return Access(
        time=as_time(began),
        request_id=request_id,
        method=scope["method"],
        path=path,
        status=status,
        duration_ms=round(1000 * seconds, 3),
        rows=scope.get("state", {}).get("rows"),
        key=masked_key(Headers(scope=scope)),
        code=code,
    )


def given_path(scope: Scope) -> str:
    """Give the path that was asked, percent-encoded."""
    return quote(scope["path"], safe="/")[:LONGEST_PATH]


def as_time(seconds: float) -> str:
    """Give a moment in seconds since 1970 in ISO 8601, UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def masked_key(headers: Mapping[str, str]) -> str | None:
    """Give the key among the headers of a request, masked: `sha256:` and eight digits; None: there is none.

    The word before it (`Bearer`) is no part of the key.
    """
    sent = next((value for name in KEY_HEADERS if (value := headers.get(name, "")).strip()), None)
    if sent is None:
        return None
    key = sent.split()[-1]
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def as_json(access: Access) -> str:
    """Give the line as one JSON object; what is None is left out."""
    return json.dumps({name: value for name, value in vars(access).items() if value is not None})


def as_common(access: Access) -> str:
    """Give the line in the common log format, with request id, duration, rows and key behind it.

    The address of the caller and the bytes of the answer are always `-`.
    """
    time = datetime.fromisoformat(access.time).strftime("%d/%b/%Y:%H:%M:%S %z")
    rows = "-" if access.rows is None else access.rows
    asked = f'"{access.method} {access.path} HTTP/1.1"'
    ours = f"{access.request_id} {access.duration_ms:g}ms {rows} {access.key or '-'}"
    return f"- - - [{time}] {asked} {access.status} - {ours}"


FORMS: Mapping[AccessForm, Callable[[Access], str]] = {"json": as_json, "common": as_common}


def log_access(access: Access, form: AccessForm) -> None:
    """Write the line of a request, unless the log is off."""
    if form in FORMS and LOG.isEnabledFor(logging.INFO):
        # As `LOG.info` does, without looking through the stack for the line that called it.
        LOG.handle(logging.LogRecord(LOG.name, logging.INFO, __file__, 0, FORMS[form](access), None, None))
