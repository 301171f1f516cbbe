"""Metrics of deliveries for Prometheus."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class DeliveryMetrics:
    """Counts deliveries by receiver and outcome, how long they take, and how many wait or are dead.

    Parameters
    ----------
    registry : CollectorRegistry
        Where they are shown.
    """

    def __init__(self, registry: CollectorRegistry):
        self._tries = Counter(
            "metier_watch_deliveries",
            "Tries to deliver alarms; outcome is sent, failed or dead.",
            ["receiver", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "metier_watch_delivery_duration_seconds",
            "Time that a delivery took.",
            ["receiver"],
            buckets=BUCKETS_SECONDS,
            registry=registry,
        )
        self._rows = Gauge(
            "metier_watch_outbox", "Deliveries in the outbox by status.", ["status"], registry=registry
        )

    def note(self, receiver: str, outcome: str, seconds: float) -> None:
        """Count a try."""
        self._tries.labels(receiver, outcome).inc()
        self._seconds.labels(receiver).observe(seconds)

    def show(self, tally: Mapping[str, int]) -> None:
        """Show how many deliveries there are of each status."""
        for status, n in tally.items():
            self._rows.labels(status).set(n)
