"""The sources of a watch in turn: the next batch of each, when one has nothing new or fails, and which periods are over.

A period is over when no message is expected for it any more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from metier.errors import MetierError
from metier.monitoring.messages import Batch, Position
from metier.monitoring.series import SECONDS
from metier.monitoring.sources import Source
from metier.monitoring.watch_settings import WatchSettings

HOUR_SECONDS = 3_600.0
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 300.0


@dataclass
class Turn:
    """A source between two batches.

    Parameters
    ----------
    source : Source
    position : JSON value or None
        After the last stored batch.
    latest : float or None
        When its latest message was written, in seconds since 1970.
    """

    source: Source
    position: Position | None
    latest: float | None
    fault: str = ""  # Why it cannot be read; empty: it can.
    failures: int = 0  # In a row.
    failing_since: datetime | None = None
    is_read: bool = False  # Whether it had nothing new when it was last read.
    not_before: float = 0.0  # Of a clock that is never set; before it, it is not read again.
    _batches: Iterator[Batch] | None = field(default=None, repr=False)

    @property
    def waits(self) -> bool:
        """Whether nothing is to be expected of it now: it is read to its end, or it fails."""
        return self.is_read or self.failures > 0

    def next_batch(self, now: float, *, poll_seconds: float) -> Batch | None:
        """Give the next batch; None: there is none now, or it is not its turn yet.

        Raises
        ------
        MetierError
            If it cannot be read; it is tried again, later each time.
        """
        if self._batches is None:
            if now < self.not_before:
                return None
            self._batches = self.source.read(self.position)
        try:
            batch = next(self._batches, None)
        except MetierError as error:
            self._failed(error, now)
            raise
        self.fault, self.failures, self.failing_since = "", 0, None
        self.is_read = batch is None
        if batch is None:
            self._batches, self.not_before = None, now + poll_seconds
        return batch

    def stored(self, batch: Batch, latest: float | None) -> None:
        """Note that a batch is stored, and tell the source."""
        self.position, self.latest = batch.position, latest
        try:
            self.source.acknowledge(batch.position)
        except MetierError as error:  # It comes again, and is known.
            self._batches, self.fault = None, str(error)

    def again(self) -> None:
        """Read again from after the last stored batch."""
        self._batches = None

    def _failed(self, error: MetierError, now: float) -> None:
        self._batches, self.fault = None, str(error)
        self.failures += 1
        self.not_before = now + min(FIRST_WAIT_SECONDS * 2 ** (self.failures - 1), LONGEST_WAIT_SECONDS)


def passed(turns: Sequence[Turn], settings: WatchSettings, now: datetime) -> float:
    """Give up to when every source has told all it has, in seconds since 1970.

    A source has passed its latest message; one that is read to its end, or that fails, has passed what lies longer back
    than the settings' patience, so that none keeps the others waiting for ever.
    """
    waited = now.timestamp() - settings.patience_hours * HOUR_SECONDS
    reached = []
    for turn in turns:
        own = float("-inf") if turn.latest is None else turn.latest
        reached.append(max(own, waited) if turn.waits else own)
    return min(reached)


def periods_over(
    turns: Sequence[Turn], settings: WatchSettings, now: datetime, *, next_period: int | None
) -> range:
    """Give the periods that are to be judged now.

    None after that of the latest message: where nothing comes at all, there is nothing to judge.

    Parameters
    ----------
    next_period : int or None
        After the last that was judged; None: there is no message yet.
    """
    seconds = SECONDS[settings.period]
    latest = max((turn.latest for turn in turns if turn.latest is not None), default=None)
    if next_period is None or latest is None:
        return range(0)
    until = passed(turns, settings, now) - settings.allowed_lateness_hours * HOUR_SECONDS
    if until == float("-inf"):
        return range(0)
    return range(next_period, min(int(until // seconds), int(latest // seconds) + 1))
