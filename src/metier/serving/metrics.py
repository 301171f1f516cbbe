"""Metrics of the service for Prometheus. Each app has its own registry.

The middleware is the outermost one, so it sees every request, refused or not. Unexpected exceptions end here: the
caller gets a typed 500, and the log gets the stack trace without the message, which could quote a text.
"""

import logging
import time
import traceback
from collections import Counter as Tally
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metier.serving.refusals import as_response, our_fault

LOG = logging.getLogger("metier.serving")
# From a linear model on one row (a tenth of a millisecond) to a thousand rows through an encoder.
BUCKETS_SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        labels = ["endpoint", "http_response_code"]
        self.requests = Counter("metier_request", "Requests.", labels, registry=None)
        time_spent = "Time from the request to the last byte of its answer."
        self.durations = Histogram(
            "metier_request_duration_seconds", time_spent, ["endpoint"], registry=None, buckets=BUCKETS_SECONDS
        )
        waiting = "Requests that are being answered or wait."
        self.in_progress = Gauge("metier_request_in_progress", waiting, registry=None)
        answered = "Texts, by the method that answered."
        self.answers = Counter("metier_answers", answered, ["answered_by"], registry=None)
        self.bundle = Info("metier_bundle", "The served bundle.", registry=None)
        for collector in (self.requests, self.durations, self.in_progress, self.answers, self.bundle):
            self.registry.register(collector)

    def count_answers(self, answered_by: Sequence[str]) -> None:
        """Count texts by the method that answered."""
        for name, rows in Tally(answered_by).items():
            self.answers.labels(name).inc(rows)


class MeasuringMiddleware:
    """Count and time every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics):
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request and record its metrics."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self.metrics.in_progress.track_inprogress():
            try:
                await self.app(scope, receive, watched_send)
            except Exception as failure:
                log_failure(failure)
                if not status:
                    await as_response(our_fault())(scope, receive, watched_send)
        endpoint = _endpoint(scope)
        self.metrics.requests.labels(endpoint, status).inc()
        self.metrics.durations.labels(endpoint).observe(time.perf_counter() - begun)


def _endpoint(scope: Scope) -> str:
    # Only our own paths have a label: arbitrary paths would each create a new series.
    route = scope.get("route")
    return route.path if isinstance(route, Route) else "other"


def log_failure(failure: Exception) -> None:
    """Log the stack trace without the message, which could quote a text."""
    trace = "".join(traceback.format_tb(failure.__traceback__))
    LOG.error("a request failed with %s at\n%s", type(failure).__name__, trace.rstrip())
