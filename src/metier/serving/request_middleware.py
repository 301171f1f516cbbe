"""What every request passes first: it gets an id, is counted and timed, and leaves a line in the access log.

The middleware is the outermost one, so it sees every request, refused or not. Unexpected exceptions end here: the
caller gets a typed 500, and the log gets the stack trace without the message, which could quote a text. A caller who
hangs up is no exception: its request is counted as 499. Once the service stops, questions are refused here, and those
that are dropped get their 503 here.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metier.serving.access_log import AccessForm, access_of, given_path, log_access
from metier.serving.deadlines import timeout_of, too_late
from metier.serving.guards.logged import is_machine_made
from metier.serving.guards.masking import MASKED_ITEMS
from metier.serving.metrics import Metrics
from metier.serving.refusals import RefusalError, as_response, our_fault, stopping
from metier.serving.request_ids import RAW_HEADER, RequestNotes, begin_notes, begin_request, current_request_id
from metier.serving.traces import Tracer
from metier.serving.traffic import CALLER_GONE, Traffic

LOG = logging.getLogger("metier.serving")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass
class _Answer:
    """What is sent for a request; its status is 0 until there is one."""

    send: Send
    request_id: str
    is_last: Callable[[], bool]
    more_headers: tuple[tuple[bytes, bytes], ...] = ()
    status: int = 0

    async def watched_send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (RAW_HEADER, self.request_id.encode()), *self.more_headers]
            if self.is_last():
                headers = [*(one for one in headers if one[0] != b"connection"), (b"connection", b"close")]
            message["headers"] = headers
        await self.send(message)


class RequestMiddleware:
    """Identify, count, time and log every request."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        traffic: Traffic,
        access_log: AccessForm = "off",
        *,
        timeout_ms: int | None = None,
        tracer: Tracer | None = None,
        masks: bool = False,
    ):
        self.app = app
        self.metrics = metrics
        self.traffic = traffic
        self.access_log = access_log
        self.timeout_ms = timeout_ms
        self.tracer = tracer
        self.masks = masks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request and record it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, clock = time.time(), time.perf_counter()
        request_id = begin_request(scope, is_machine_made) if self.masks else begin_request(scope)
        notes = begin_notes()
        answer = _Answer(send, request_id, is_last=lambda: self.traffic.is_stopping)
        trace = None if self.tracer is None else self.tracer.begin(scope)
        if trace is not None:
            answer.more_headers = ((b"traceparent", trace.header),)
        self.metrics.in_flight.inc()
        with self.traffic.running():
            try:
                await self._answer_in_time(scope, receive, answer)
            finally:
                self.metrics.in_flight.dec()
                seconds, status = time.perf_counter() - clock, answer.status or CALLER_GONE
                self._record(scope, status, seconds, notes)
                if trace is not None:
                    trace.end(_path(scope), status, notes)
                if self.access_log != "off":
                    access = access_of(
                        scope,
                        path=_path(scope) if self.masks else given_path(scope),
                        request_id=request_id,
                        status=status,
                        began=began,
                        seconds=seconds,
                        code=notes.refused,
                    )
                    log_access(access, self.access_log)

    def _record(self, scope: Scope, status: int, seconds: float, notes: RequestNotes) -> None:
        if scope["method"] == "POST":  # Probes and figures are no questions.
            self.traffic.note_end(status)
        self.metrics.count_request(_method(scope), _path(scope), status, seconds)
        if notes.refused is not None:
            self.metrics.count_rejected(notes.refused)
        n_masked = MASKED_ITEMS.take()
        if n_masked:
            self.metrics.count_masked(n_masked)

    async def _answer_in_time(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            seconds = timeout_of(scope, self.timeout_ms)
        except RefusalError as refusal:
            await as_response(refusal)(scope, receive, answer.watched_send)
            return
        if seconds is None:
            await self._answer(scope, receive, answer)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._answer(scope, receive, answer)
        except TimeoutError:
            if not answer.status:
                await as_response(too_late(seconds))(scope, receive, answer.watched_send)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        async def instead(response: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
            if not answer.status:
                await response(scope, receive, answer.watched_send)

        # Probes and figures are read until the end.
        if self.traffic.is_stopping and scope["method"] == "POST":
            await instead(as_response(stopping(), scope["path"]))
            return
        try:
            await self.app(scope, receive, answer.watched_send)
        except ClientDisconnect:
            return
        except Exception as failure:
            log_failure(failure)
            await instead(as_response(our_fault(), scope["path"]))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or not self.traffic.is_dropped():
                raise
            task.uncancel()
            await instead(as_response(stopping(), scope["path"]))


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
