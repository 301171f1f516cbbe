"""What every request passes first: it gets an id, is counted and timed, and leaves a line in the access log.

The middleware is the outermost one, so it sees every request, refused or not. Unexpected exceptions end here: the
caller gets a typed 500, and the log gets the stack trace without the message, which could quote a text.
"""

import logging
import time
import traceback
from datetime import UTC, datetime

from starlette.datastructures import MutableHeaders
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metier.serving.access_log import AccessForm, access_of, log_access
from metier.serving.metrics import Metrics
from metier.serving.refusals import as_response, our_fault
from metier.serving.request_ids import HEADER, begin_request, current_request_id

LOG = logging.getLogger("metier.serving")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CALLER_GONE = 499  # As nginx calls it: there was nobody left to answer.


class RequestMiddleware:
    """Identify, count, time and log every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics, access_log: AccessForm = "off"):
        self.app = app
        self.metrics = metrics
        self.access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request and record it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, clock, status = datetime.now(UTC), time.perf_counter(), 0
        request_id = begin_request(scope)

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            with self.metrics.in_flight.track_inprogress():
                try:
                    await self.app(scope, receive, watched_send)
                except Exception as failure:
                    log_failure(failure)
                    if not status:
                        await as_response(our_fault())(scope, receive, watched_send)
        finally:
            seconds, status = time.perf_counter() - clock, status or CALLER_GONE
            self.metrics.count_request(_method(scope), _path(scope), status, seconds)
            access = access_of(scope, request_id=request_id, status=status, began=began, seconds=seconds)
            log_access(access, self.access_log)


def _method(scope: Scope) -> str:
    # A caller can invent methods and paths, and each would be a new series.
    return scope["method"] if scope["method"] in METHODS else "other"


def _path(scope: Scope) -> str:
    route = scope.get("route")
    return route.path if isinstance(route, Route) else "other"


def log_failure(failure: Exception) -> None:
    """Log the stack trace without the message, which could quote a text."""
    trace = "".join(traceback.format_tb(failure.__traceback__)).rstrip()
    LOG.error("request %s failed with %s at\n%s", current_request_id(), type(failure).__name__, trace)
