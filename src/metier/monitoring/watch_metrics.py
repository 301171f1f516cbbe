"""Metrics of a watch for Prometheus, named by its conventions."""

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from metier.errors import CallError, MetierError
from metier.monitoring.findings import Finding
from metier.monitoring.intake import Taken
from metier.monitoring.turns import Turn


class WatchMetrics:
    """Counts what a watch does; an `Observer`.

    Parameters
    ----------
    registry : CollectorRegistry
        Where metrics are shown.
    """

    def __init__(self, registry: CollectorRegistry):
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"metier_watch_{name}", text, labels, registry=registry)

        self._messages = counter("messages", "Messages stored.", "source")
        self._known = counter("known_messages", "Messages that had been stored before.", "source")
        self._late = counter("late_messages", "Messages stored after their period was judged.", "source")
        self._copies = counter("copies", "Messages nearly the same as one of the days before.", "source")
        self._refused = counter("refused", "Pieces of a source that are no messages.", "source")
        self._answers = counter("answers", "Answers stored.", "bundle")
        self._unanswered = counter("unanswered", "Answers that a bundle could not give.")
        self._failures = counter("failures", "Times that a source or the store could not be used.", "what")
        self._periods = counter("periods", "Periods judged.")
        self._findings = counter("findings", "Findings raised and ended.", "kind")
        self._lag = Gauge(
            "metier_watch_lag_seconds",
            "From when the latest message of a source was written to when it was stored.",
            ["source"],
            registry=registry,
        )
        self._stored = Gauge(
            "metier_watch_last_stored_timestamp_seconds",
            "When the last batch of a source was stored.",
            ["source"],
            registry=registry,
        )

    def took(self, source: str, taken: Taken, turn: Turn, now: datetime) -> None:
        """Count a batch."""
        for counter, n in (
            (self._messages, taken.messages),
            (self._known, taken.known),
            (self._late, taken.late),
            (self._copies, taken.copies),
            (self._refused, taken.refused),
        ):
            counter.labels(source).inc(n)
        for bundle, n in taken.answers.items():
            self._answers.labels(bundle).inc(n)
        self._unanswered.inc(taken.unanswered)
        self._stored.labels(source).set(now.timestamp())
        if turn.latest is not None:
            self._lag.labels(source).set(now.timestamp() - turn.latest)

    def failed(self, what: str, error: MetierError) -> None:
        """Count a failure."""
        self._failures.labels(what).inc()

    def judged(self, period: int, findings: Sequence[Finding]) -> None:
        """Count a period and what was found."""
        self._periods.inc()
        for one in findings:
            self._findings.labels(one.kind).inc()


def show_metrics(registry: CollectorRegistry, *, host: str, port: int) -> str:
    """Show metrics over HTTP in a thread, and give the URL.

    Raises
    ------
    CallError
        If nothing can listen there.
    """
    try:
        server, _ = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        raise CallError(
            f"Cannot listen on {host}:{port}: {error.strerror or error}. "
            "Choose another port with --port (0 takes a free one), or another address with --host."
        ) from None
    return f"http://{host}:{server.server_port}/metrics"
