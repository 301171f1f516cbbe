"""What the service counts, for Prometheus. Each app has a registry of its own: two in a process do not mix.

The middleware stands outermost and so sees every request, refused or not. An exception that nothing below
foresaw ends here too: the caller gets a typed 500, the log gets the places in code but no message, which could
quote a text.
"""

import logging
import time
import traceback
from collections import Counter as Tally
from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metier.serving.refusals import as_response, our_fault

LOG = logging.getLogger("metier.serving")
# From a linear model on one row (a tenth of a millisecond) to a thousand rows through an encoder.
BUCKETS_SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counts of one service."""

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
        last_word = "Texts, by the method that had the last word."
        self.answers = Counter("metier_answers", last_word, ["answered_by"], registry=None)
        self.bundle = Info("metier_bundle", "What is being served.", registry=None)
        for collector in (self.requests, self.durations, self.in_progress, self.answers, self.bundle):
            self.registry.register(collector)

    def count_answers(self, answered_by: Sequence[str]) -> None:
        """Count texts by who answered them."""
        for name, rows in Tally(answered_by).items():
            self.answers.labels(name).inc(rows)


class MeasuringMiddleware:
    """Count and time every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics):
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and keep its figures."""
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
    # Paths that callers make up would make a new series each; only our own are named.
    route: Any = scope.get("route")
    return getattr(route, "path", None) or "other"


def log_failure(failure: Exception) -> None:
    """Log where it failed, without its message, which could quote a text."""
    places = "".join(traceback.format_tb(failure.__traceback__))
    LOG.error("a request failed with %s at\n%s", type(failure).__name__, places.rstrip())
