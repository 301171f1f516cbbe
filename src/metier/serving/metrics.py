"""Metrics of the service for Prometheus, named by its conventions. Each app has its own registry."""

import platform
from collections import Counter as Tally
from collections.abc import Sequence
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

# From a linear model on one row (a tenth of a millisecond) to a thousand rows through an encoder.
BUCKETS_SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        labels = ["method", "path", "status"]
        self.requests = Counter("metier_http_requests", "Requests.", labels, registry=None)
        time_spent = "Time from the request to the last byte of its answer."
        self.durations = Histogram(
            "metier_http_request_duration_seconds",
            time_spent,
            ["method", "path"],
            registry=None,
            buckets=BUCKETS_SECONDS,
        )
        waiting = "Requests that are being answered or wait."
        self.in_flight = Gauge("metier_http_requests_in_flight", waiting, registry=None)
        answered = "Rows, by the method that answered."
        self.answers = Counter("metier_answers", answered, ["answered_by"], registry=None)
        stored = (
            "Predictions, by whether they were written to their store or dropped, as too many waited for it."
        )
        self.predictions = Counter("metier_predictions", stored, ["outcome"], registry=None)
        self.ready = Gauge("metier_ready", "1 once the model is loaded and warm, 0 before.", registry=None)
        self.build = Info("metier_build", "The program that serves.", registry=None)
        self.build.info({"version": version("metier"), "python": platform.python_version()})
        self.bundle = Info("metier_bundle", "The served bundle.", registry=None)
        counted = (self.requests, self.durations, self.in_flight, self.answers, self.predictions)
        for collector in (*counted, self.ready, self.build, self.bundle):
            self.registry.register(collector)

    def count_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count and time one request; the path is one of ours, or `other`."""
        self.requests.labels(method, path, status).inc()
        self.durations.labels(method, path).observe(seconds)

    def count_answers(self, answered_by: Sequence[str]) -> None:
        """Count rows by the method that answered."""
        for name, rows in Tally(answered_by).items():
            self.answers.labels(name).inc(rows)

    def count_predictions(self, outcome: str, n: int) -> None:
        """Count predictions that were `written` or `dropped`."""
        self.predictions.labels(outcome).inc(n)
