"""The watch: sources read in turn, each batch stored whole, each period judged when it is over, people told."""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from metier.errors import MetierError, SourceError, WatchStoreError
from metier.monitoring.alerting import Alerts
from metier.monitoring.findings import Finding
from metier.monitoring.intake import Intake, Taken
from metier.monitoring.judge import Judge
from metier.monitoring.messages import Batch
from metier.monitoring.sources import Source
from metier.monitoring.store.period_counts import PeriodCounts
from metier.monitoring.store.watch_store import WatchStore
from metier.monitoring.turns import Turn, periods_over
from metier.monitoring.watch_settings import WatchSettings

FAILURES_TOLD = 3  # In a row, after which a source that fails is a finding.
JUDGED_AT_ONCE = 64  # Periods of one transaction.
PRUNE_SECONDS, DELIVER_SECONDS = 3_600.0, 1.0
STORE_WAITS_SECONDS = (1.0, 5.0, 30.0)
JUMP_SECONDS = 5.0  # Smaller steps back are how clocks are kept right.


@dataclass
class Totals:
    """What a watch has done since it started.

    Parameters
    ----------
    messages, known, late, copies, refused, unanswered, periods, findings : int
    faults : dict of str to str
        Why sources cannot be read, by name.
    """

    messages: int = 0
    known: int = 0
    late: int = 0
    copies: int = 0
    refused: int = 0
    unanswered: int = 0
    periods: int = 0
    findings: int = 0
    faults: dict[str, str] = field(default_factory=dict)

    def add(self, taken: Taken) -> None:
        """Add a batch."""
        self.messages += taken.messages
        self.known += taken.known
        self.late += taken.late
        self.copies += taken.copies
        self.refused += taken.refused
        self.unanswered += taken.unanswered


class Observer(Protocol):
    """Is told what happens, for metrics and for the terminal."""

    def took(self, source: str, taken: Taken, turn: Turn, now: datetime) -> None:
        """A batch is stored."""

    def failed(self, what: str, error: MetierError) -> None:
        """A source or the store cannot be used for now."""

    def judged(self, period: int, findings: Sequence[Finding]) -> None:
        """A period is judged."""


class Clock:
    """Tells the time; where the machine's clock is set back, it stands until that has caught up.

    Parameters
    ----------
    since : float
        Seconds since 1970 that have been told before, as by a watch that ran before.
    """

    def __init__(self, since: float = 0.0):
        self._latest, self._noted = since, time.monotonic()
        self.set_back_seconds = 0.0

    def seconds(self) -> float:
        """Give the seconds since 1970, and note by how much the machine's clock is behind what was told."""
        now = time.time()
        self.set_back_seconds = max(self._latest - now, 0.0)
        if now >= self._latest:
            self._latest, self._noted = now, time.monotonic()
        return self._latest

    def running_seconds(self) -> float:
        """Give the seconds since 1970, which go on while the machine's clock is behind: what waits, waits no longer."""
        return self.seconds() + time.monotonic() - self._noted

    def now(self) -> datetime:
        """Give the time in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    @property
    def is_set_back(self) -> bool:
        """Whether the machine's clock was set back."""
        return self.set_back_seconds > JUMP_SECONDS


class Watch:
    """Reads sources into a store and has each period judged.

    Parameters
    ----------
    settings : WatchSettings
    store : WatchStore
        This process holds its lock.
    sources : sequence of Source
    intake : Intake
    judges : mapping of str to Judge
    alerts : Alerts or None
        None: nobody is told.
    observers : sequence of Observer
    """

    def __init__(
        self,
        settings: WatchSettings,
        store: WatchStore,
        sources: Sequence[Source],
        intake: Intake,
        *,
        judges: Mapping[str, Judge],
        alerts: Alerts | None = None,
        observers: Sequence[Observer] = (),
    ):
        self._settings, self._store, self._intake = settings, store, intake
        self._judges, self._alerts = judges, alerts
        self._observers = observers
        self._counted = PeriodCounts(store, settings.period)
        known = store.sources()
        self._turns = [_turn(source, store) for source in sources]
        self._clock = Clock(max((one.stored.timestamp() for one in known.values()), default=0.0))
        self._pruned = self._delivers = float("-inf")
        self._clock_told = False
        self.totals = Totals()

    def run_once(self, stop: threading.Event) -> Totals:
        """Read every source to its end, judge the periods that are over, and tell; stops after a batch where asked to.

        A source that fails is tried three times.

        Raises
        ------
        WatchStoreError
            If the store cannot be used; what was read and not stored comes again.
        """
        while not stop.is_set():
            moved = self._round(stop)
            self._close_periods()
            if not moved:
                left = [one for one in self._turns if not one.is_read and one.failures < FAILURES_TOLD]
                if not left:
                    break
                stop.wait(max(min(one.not_before for one in left) - time.monotonic(), 0.05))
        self._close_periods()
        self._deliver(is_last=True)
        self._prune()
        return self.totals

    def run(self, stop: threading.Event) -> Totals:
        """Watch until asked to stop; ends after the batch that is being stored.

        Where the store cannot be used, as a disk is full, it is tried again and again: nothing is lost meanwhile.
        """
        failures = 0
        while not stop.is_set():
            try:
                moved = self._round(stop)
                self._close_periods()
                self._deliver()
                self._prune()
                failures = 0
            except WatchStoreError as error:
                self._say_failed("store", error)
                for turn in self._turns:
                    turn.again()
                stop.wait(STORE_WAITS_SECONDS[min(failures, len(STORE_WAITS_SECONDS) - 1)])
                failures += 1
                continue
            if not moved:
                stop.wait(min(self._settings.poll_seconds, 1.0))
        return self.totals

    def close(self) -> None:
        """Close the sources."""
        for turn in self._turns:
            turn.source.close()

    def _round(self, stop: threading.Event) -> bool:
        """Take one batch of each source; gives whether there was any."""
        moved = False
        self._check_clock()
        for turn in self._turns:
            if stop.is_set():
                break
            batch = self._next(turn)
            if batch is not None:
                self._take(turn, batch)
                moved = True
        return moved

    def _check_clock(self) -> None:
        self._clock.seconds()
        if self._clock.is_set_back and not self._clock_told:
            behind = f"{self._clock.set_back_seconds:,.0f}"
            self._say_failed(
                "clock",
                SourceError(
                    f"The clock of this machine is {behind} s behind what it was. The time of the watch stands until it "
                    "has caught up; set the clock right."
                ),
            )
        self._clock_told = self._clock.is_set_back

    def _next(self, turn: Turn) -> Batch | None:
        was_failing = turn.failing_since
        try:
            batch = turn.next_batch(time.monotonic(), poll_seconds=self._settings.poll_seconds)
        except WatchStoreError:
            raise
        except MetierError as error:
            self._failed(turn, error)
            return None
        if was_failing is not None and turn.failures == 0:
            self._store.add_findings([_source_finding(turn, was_failing, self._clock.now(), is_over=True)])
            self.totals.faults.pop(turn.source.name, None)
        return batch

    def _take(self, turn: Turn, batch: Batch) -> None:
        now = self._clock.now()
        taken = self._intake.take(turn.source.name, batch, latest=turn.latest, now=now)
        latest = [one.at.timestamp() for one in batch.messages if one.at <= self._most_ahead(now)]
        turn.stored(batch, max([*latest, *([] if turn.latest is None else [turn.latest])], default=None))
        self.totals.add(taken)
        for observer in self._observers:
            observer.took(turn.source.name, taken, turn, now)

    def _most_ahead(self, now: datetime) -> datetime:
        return now + timedelta(minutes=self._settings.most_ahead_minutes)

    def _failed(self, turn: Turn, error: MetierError) -> None:
        self._say_failed(turn.source.name, error)
        self.totals.faults[turn.source.name] = str(error)
        if turn.failures >= FAILURES_TOLD and turn.failing_since is None:
            now = self._clock.now()
            turn.failing_since = now
            self.totals.findings += len(self._store.add_findings([_source_finding(turn, now, now)]))

    def _close_periods(self) -> None:
        last = self._intake.last_closed
        begins = self._counted.first_period() if last is None else last + 1
        over = periods_over(self._turns, self._settings, self._clock.now(), next_period=begins)
        for start in range(over.start, over.stop, JUDGED_AT_ONCE):
            judged = {
                number: [one for judge in self._judges.values() for one in judge.judge(self._counted, number)]
                for number in range(start, min(start + JUDGED_AT_ONCE, over.stop))
            }
            numbers = self._store.close_periods(judged, at=self._clock.now())
            self._intake.last_closed = max(judged)
            self.totals.periods += len(judged)
            self.totals.findings += len(numbers)
            for number, findings in judged.items():
                for observer in self._observers:
                    observer.judged(number, findings)

    def _deliver(self, *, is_last: bool = False) -> None:
        now = self._clock.running_seconds()
        if self._alerts is None or (now < self._delivers and not is_last):
            return
        self._delivers = now + DELIVER_SECONDS
        self._alerts.deliver(self._store, now)
        if is_last:  # Nobody comes back to send what waits for others of its group.
            self._alerts.deliver(self._store, now + self._settings.alerts.group_wait_seconds)

    def _say_failed(self, what: str, error: MetierError) -> None:
        for observer in self._observers:
            observer.failed(what, error)

    def _prune(self) -> None:
        now = min(self._clock.now(), datetime.now(UTC))  # A clock that was ahead has nothing removed too early.
        if self._settings.keep_days is not None and now.timestamp() - self._pruned >= PRUNE_SECONDS:
            self._store.remove_before(now - timedelta(days=self._settings.keep_days))
            self._pruned = now.timestamp()


def _turn(source: Source, store: WatchStore) -> Turn:
    found = store.sources().get(source.name)
    if found is None:
        return Turn(source, None, None)
    return Turn(source, found.position, None if found.latest is None else found.latest.timestamp())


def _source_finding(turn: Turn, since: datetime, now: datetime, *, is_over: bool = False) -> Finding:
    name = turn.source.name
    sentence = (
        f"Source {name} can be read again."
        if is_over
        else f"Source {name} cannot be read, and the others go on without it: {turn.fault}"
    )
    return Finding("source", {"source": name}, sentence, since, now, "critical", is_over, {"fault": turn.fault})
