"""The id of a request: the caller's own, or one of ours, so that an answer, its log line and its error can be joined.

A caller's `X-Request-ID` is taken if it is short and plain: it goes into a log and into a header, where control
characters and quotation marks would do harm.
"""

import os
import re
from contextvars import ContextVar

from starlette.types import Scope

HEADER = "X-Request-ID"
RAW_HEADER = HEADER.lower().encode()
_is_plain = re.compile(r"[A-Za-z0-9._~:+/=@-]{1,128}").fullmatch
# Set for each request before anything answers it; whatever answers runs in the same context.
_current: ContextVar[str | None] = ContextVar("metier_request_id", default=None)


def begin_request(scope: Scope) -> str:
    """Give the id of a request, which `current_request_id` gives from now on."""
    given = next((value for name, value in scope["headers"] if name == RAW_HEADER), b"").decode("latin-1")
    request_id = given if _is_plain(given) else os.urandom(16).hex()
    _current.set(request_id)
    return request_id


def current_request_id() -> str | None:
    """Give the id of the request that is being answered; None: there is none."""
    return _current.get()
