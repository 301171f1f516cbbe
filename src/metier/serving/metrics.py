"""Metrics of the service for Prometheus, named by its conventions, counted over all workers of it.

Each app has its own registry. Where there are several workers, each counts in files of its own (prometheus-client's
multiprocess mode), and whichever is asked adds the files up; a worker that takes the place of a dead one goes on with
its counts.
"""

import os
import platform
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from metier.serving.workers.board import WorkerBoard
from metier.serving.workers.memory import memory_of

# From a linear model on one row (a tenth of a millisecond) to a thousand rows through an encoder.
BUCKETS_SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BUCKETS_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
BUCKETS_PROBABILITY = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)
CACHED_SERIES = 1_000


class Metrics:
    """The metrics of one service.

    Parameters
    ----------
    board : WorkerBoard or None
        Of the workers; None: this process is the whole service.
    names_models : bool, default=False
        Whether several models are served, so that answers are counted by `model_name` and `model_version`, too.
    """

    def __init__(self, board: WorkerBoard | None = None, *, names_models: bool = False) -> None:
        of_model = ["model_name", "model_version"] if names_models else []
        self._names_models = names_models
        self.registry = CollectorRegistry()
        self._facts = _Facts()
        self._requests = Counter(
            "metier_http_requests", "Requests.", ["method", "path", "status"], registry=None
        )
        self._durations = Histogram(
            "metier_http_request_duration_seconds",
            "Time from the request to the last byte of its answer.",
            ["method", "path"],
            registry=None,
            buckets=BUCKETS_SECONDS,
        )
        self.in_flight = _gauge("metier_http_requests_in_flight", "Requests that are being answered or wait.")
        self._rejected = Counter(
            "metier_rejected", "Requests that were refused, by code.", ["code"], registry=None
        )
        self._series = lru_cache(CACHED_SERIES)(_series)
        self._add_parts()
        self._add_answers(of_model)
        self._add_cache()
        for collector in self._collectors(board):
            self.registry.register(collector)

    def _add_parts(self) -> None:
        """Add what a request is made of: waiting, tokenisation, inference."""
        self._queue = _seconds("metier_queue_duration_seconds", "Time that a request waited for a thread.")
        self._tokenise = _seconds("metier_tokenise_duration_seconds", "Time of a request's tokenisation.")
        self._inference = _seconds(
            "metier_inference_duration_seconds",
            "Time that the model took for a request, tokenisation included.",
        )
        self._batch = Histogram(
            "metier_batch_rows", "Rows that the model was given at once.", registry=None, buckets=BUCKETS_ROWS
        )
        self.queue_depth = _gauge("metier_queue_depth", "Requests that wait for a thread.")
        self.threads_busy = _gauge("metier_threads_busy", "Threads that answer.")
        self.workers_busy = _gauge("metier_workers_busy", "Worker processes of which a thread answers.")

    def _add_answers(self, of_model: list[str]) -> None:
        """Add what is counted of answers."""
        self._answers = Counter(
            "metier_answers",
            "Rows, by the model and the method that answered; of a cascade, the stage.",
            ["answered_by", *of_model],
            registry=None,
        )
        self._predictions = Counter(
            "metier_predictions",
            "Predictions, by whether they were written to their store or dropped, as too many waited for it.",
            ["outcome"],
            registry=None,
        )
        self._reviews = Counter(
            "metier_reviews",
            "Answers that a person looks at, by whether they began to wait or were decided.",
            ["outcome"],
            registry=None,
        )
        self._confidence = Histogram(
            "metier_confidence",
            "Probability of the answered label.",
            of_model,
            registry=None,
            buckets=BUCKETS_PROBABILITY,
        )
        self._masked = Counter(
            "metier_masked_items", "Pieces of personal data that were masked.", registry=None
        )

    def _add_cache(self) -> None:
        self._cache = Counter(
            "metier_cache_requests", "Rows looked up in the cache.", ["result"], registry=None
        )
        self.cache_entries = _gauge("metier_cache_entries", "Answers in the cache.")
        self.cache_bytes = _gauge("metier_cache_bytes", "Memory of the answers in the cache.")

    def count_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count and time one request; the path is one of ours, or `other`."""
        self._series(self._requests, method, path, status).inc()
        self._series(self._durations, method, path).observe(seconds)

    def count_rejected(self, code: str) -> None:
        """Count a refused request by the code of its error, which is one of ours."""
        self._series(self._rejected, code).inc()

    def count_waited(self, seconds: float) -> None:
        """Count how long a request waited for a thread."""
        self._queue.observe(seconds)

    def count_inference(self, seconds: float, *, tokenise_seconds: float = 0.0) -> None:
        """Count how long the model took for a request; without tokenisation where that is 0."""
        self._inference.observe(seconds)
        if tokenise_seconds:
            self._tokenise.observe(tokenise_seconds)

    def count_batch(self, n_rows: int) -> None:
        """Count rows that the model was given at once."""
        self._batch.observe(n_rows)

    def count_answers(self, answered_by: Sequence[str], *, model: str = "", version: int | None = None) -> None:
        """Count rows by the method that answered; the model has no name where a single bundle is served."""
        of_model = self._of_model(model, version)
        for name, rows in Tally(answered_by).items():
            self._series(self._answers, name, *of_model).inc(rows)

    def count_predictions(self, outcome: str, n: int) -> None:
        """Count predictions that were `written` or `dropped`."""
        self._series(self._predictions, outcome).inc(n)

    def count_reviews(self, outcome: str, n: int) -> None:
        """Count answers that began to be `waiting` for a person, and those that were `decided`."""
        self._series(self._reviews, outcome).inc(n)

    def count_confidence(
        self, probabilities: Iterable[float], *, model: str = "", version: int | None = None
    ) -> None:
        """Count the probabilities of the answered labels."""
        of_model = self._of_model(model, version)
        confidence = self._series(self._confidence, *of_model) if of_model else self._confidence
        for probability in probabilities:
            confidence.observe(probability)

    def _of_model(self, model: str, version: int | None) -> tuple[str, ...]:
        return (model, "" if version is None else str(version)) if self._names_models else ()

    def count_masked(self, n: int) -> None:
        """Count pieces of personal data that were masked."""
        self._masked.inc(n)

    def count_cached(self, *, hits: int = 0, misses: int = 0) -> None:
        """Count rows that the cache had, and those that it had not."""
        for result, rows in (("hit", hits), ("miss", misses)):
            if rows:
                self._series(self._cache, result).inc(rows)

    def show_bundles(self, bundles: Iterable[Mapping[str, str]]) -> None:
        """Show the facts of the bundles that are served now, instead of those before."""
        self._facts.bundles = list(bundles)

    def show_ready(self) -> None:
        """Show that the model is loaded."""
        self._facts.is_ready = True

    def _collectors(self, board: WorkerBoard | None) -> Iterator[Collector]:
        yield self._facts
        yield WorkerCollector(board, self._facts)
        if board is not None:
            yield MultiProcessCollector(None, path=str(board.path.parent))  # type: ignore[no-untyped-call]
            return
        yield ProcessCollector(registry=None)
        yield from (metric for metric in vars(self).values() if isinstance(metric, Counter | Gauge | Histogram))


class _Facts(Collector):
    """What does not change while it is counted: the program and its bundles."""

    def __init__(self) -> None:
        self.is_ready = False
        self.bundles: list[Mapping[str, str]] = []

    def collect(self) -> Iterator[Metric]:
        program = {"version": version("metier"), "python": platform.python_version()}
        yield InfoMetricFamily("metier_build", "The program that serves.", program)
        served = InfoMetricFamily("metier_bundle", "The served bundles.", labels=())
        for facts in self.bundles:
            served.add_metric((), dict(facts))
        yield served


class WorkerCollector(Collector):
    """How many workers there are and are ready, how often one had to be started anew, and the memory of each.

    Parameters
    ----------
    board : WorkerBoard or None
        None: this process is the only one.
    facts : _Facts
        Whether it is ready then.
    """

    def __init__(self, board: WorkerBoard | None, facts: _Facts):
        self._board, self._own = board, facts

    def collect(self) -> Iterator[Metric]:
        """Give the figures of this moment."""
        ready = [int(self._own.is_ready)] if self._board is None else self._board.each("is_ready")
        restarts = [0] if self._board is None else self._board.each("n_restarts")
        is_open = ready[0] if self._board is None else int(self._board.is_open)
        yield GaugeMetricFamily("metier_ready", "1 once the model is loaded and warm in every worker.", is_open)
        yield GaugeMetricFamily("metier_workers", "Worker processes that there should be.", len(ready))
        yield GaugeMetricFamily("metier_workers_ready", "Worker processes that can answer.", sum(ready))
        yield CounterMetricFamily(
            "metier_worker_restarts", "Worker processes started anew because one died.", sum(restarts)
        )
        yield from self._memory()

    def _memory(self) -> Iterator[Metric]:
        pids = [os.getpid()] if self._board is None else self._board.each("pid")
        resident = GaugeMetricFamily(
            "metier_worker_resident_memory_bytes",
            "Memory of a worker, shared pages included.",
            labels=["worker"],
        )
        proportional = GaugeMetricFamily(
            "metier_worker_proportional_memory_bytes",
            "Memory of a worker, its part of shared pages.",
            labels=["worker"],
        )
        for worker, pid in enumerate(pids):
            memory = memory_of(pid)
            if memory is not None:
                resident.add_metric([str(worker)], memory.resident_bytes)
                proportional.add_metric([str(worker)], memory.proportional_bytes)
        yield from (resident, proportional)


def _gauge(name: str, text: str) -> Gauge:
    return Gauge(name, text, registry=None, multiprocess_mode="livesum")


def _seconds(name: str, text: str) -> Histogram:
    return Histogram(name, text, registry=None, buckets=BUCKETS_SECONDS)


def _series(metric, *labels):  # type: ignore[no-untyped-def]
    return metric.labels(*labels)
