"""Findings told to people: written down, put into the outbox, sent, tried again."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import Connection

from metier.monitoring.alerting import Transactions
from metier.monitoring.alerts import outbox
from metier.monitoring.alerts.alertmanager import Alertmanager
from metier.monitoring.alerts.apprise_urls import Apprise
from metier.monitoring.alerts.console import Console
from metier.monitoring.alerts.json_lines import JsonLines
from metier.monitoring.alerts.mail import Mail
from metier.monitoring.alerts.notices import Notice
from metier.monitoring.alerts.outbox import Taken
from metier.monitoring.alerts.planning import group_of, plan
from metier.monitoring.alerts.receiver import Receiver, ReceiverSettings
from metier.monitoring.alerts.recording import record_findings
from metier.monitoring.alerts.roll_back import RollBack
from metier.monitoring.alerts.sending import Lane, Result
from metier.monitoring.alerts.settings import AlertSettings
from metier.monitoring.alerts.webhook import Webhook
from metier.monitoring.findings import Finding

BUCKETS_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
RECEIVERS: Mapping[str, Callable[[Any], Receiver]] = {
    "webhook": Webhook,
    "alertmanager": Alertmanager,
    "email": Mail,
    "file": JsonLines,
    "console": Console,
    "apprise": Apprise,
    "roll_back": RollBack,
}


def build_receiver(settings: ReceiverSettings) -> Receiver:
    """Give the receiver of these settings."""
    return RECEIVERS[settings.kind](settings)


class StoredAlerts:
    """Tells people what a watch has found, at least once each.

    Parameters
    ----------
    settings : AlertSettings
    registry : CollectorRegistry, optional
        Where its metrics are shown; None: in one of its own.

    Raises
    ------
    MissingExtraError
        If a receiver needs a package that is not installed.
    """

    def __init__(self, settings: AlertSettings, registry: CollectorRegistry | None = None):
        self.settings = settings
        self.metrics = DeliveryMetrics(registry or CollectorRegistry())
        self._lanes = {one.called: Lane(build_receiver(one)) for one in settings.receivers}

    def tell(self, store: Transactions, findings: Sequence[Finding], now: float) -> None:
        """Write findings down, and what is to be sent of them, in one transaction."""
        with store.writing() as connection:
            record_findings(connection, findings)
            plan(connection, self.settings, now)

    def deliver(self, store: Transactions, now: float) -> None:
        """Send what is due, each receiver in a thread of its own; one that fails is tried again later."""
        if not self._lanes:
            return
        free = [name for name, lane in self._lanes.items() if lane.is_free]
        with store.writing() as connection:
            plan(connection, self.settings, now)
            taken = outbox.take(connection, self.settings, now, free=free)
        by_receiver = defaultdict(list)
        for one in taken:
            by_receiver[one.receiver].append(one)
        started = {
            name: self._lanes[name].start([self._notice(one, now) for one in own])
            for name, own in by_receiver.items()
        }
        numbered = {one.number: one for one in taken}
        for name, attempts in started.items():
            for notice, result in self._lanes[name].results(attempts):
                self._settle(store, numbered[notice.delivery], result, now)
        with store.reading() as connection:
            self.metrics.show(outbox.tally(connection))

    def _notice(self, taken: Taken, now: float) -> Notice:
        receiver = self._lanes[taken.receiver].receiver.settings
        return Notice(
            delivery=taken.number,
            group=group_of(taken.alerts[0], self.settings.group_by),
            alerts=taken.alerts,
            language=self.settings.language,
            quotes=receiver.quotes,
            page=self.settings.page,
            repeat_seconds=self.settings.repeat_hours * 3_600,
            sent=datetime.fromtimestamp(now, UTC),
        )

    def _settle(self, store: Transactions, taken: Taken, result: Result | None, now: float) -> None:
        """Write down what became of a delivery, as soon as it is known."""
        with store.writing() as connection:
            if result is None:
                outbox.give_back(connection, taken, now)
                return
            outcome = self._outcome(connection, taken, result, now)
        self.metrics.note(taken.receiver, outcome, result.seconds)

    def _outcome(self, connection: Connection, taken: Taken, result: Result, now: float) -> str:
        fault = result.fault
        if fault is None:
            outbox.settle_sent(connection, taken, now)
            return outbox.SENT
        is_dead = outbox.settle_failed(
            connection,
            taken,
            now,
            settings=self.settings,
            reason=str(fault),
            is_final=fault.is_final,
            retry_after_seconds=fault.retry_after_seconds,
        )
        return outbox.DEAD if is_dead else "failed"


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
