"""Messages counted by period and by what they are about: one series for each combination of values."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

DAY, HOUR = "day", "hour"
SECONDS: Mapping[str, int] = {DAY: 86_400, HOUR: 3_600}
ALL = ("all",)  # The series of all messages.


@dataclass(frozen=True)
class SeriesTable:
    """Counts of messages.

    Parameters
    ----------
    start : int
        First period, counted from 1970 in UTC.
    period : {"day", "hour"}
    counts : mapping of tuple of str to ndarray of int of shape (n_periods,)
        By the values of the columns; of all messages under `ALL`.
    members : mapping of tuple of str to ndarray of int
        Positions of the messages of each series.
    periods : ndarray of int of shape (n_messages,)
        Of each message, from the start.
    """

    start: int
    period: str
    counts: Mapping[tuple[str, ...], np.ndarray]
    members: Mapping[tuple[str, ...], np.ndarray]
    periods: np.ndarray

    @property
    def n_periods(self) -> int:
        """From the first message to the last."""
        return len(next(iter(self.counts.values())))

    def moment(self, place: int) -> datetime:
        """Give the beginning of a period, in UTC."""
        return datetime.fromtimestamp((self.start + place) * SECONDS[self.period], UTC)

    def messages(self, key: tuple[str, ...], first: int, last: int) -> np.ndarray:
        """Give the positions of the messages of a series from one period to another, both included."""
        own = self.members[key]
        return np.asarray(own[(self.periods[own] >= first) & (self.periods[own] <= last)])


def count_series(seconds: np.ndarray, columns: Sequence[Sequence[Any]], *, period: str = DAY) -> SeriesTable:
    """Count messages.

    Parameters
    ----------
    seconds : ndarray of shape (n_messages,)
        Times, since 1970 in UTC.
    columns : sequence of sequences
        What messages are counted by; none: all together.
    period : {"day", "hour"}
    """
    numbered = np.floor(np.asarray(seconds, dtype=np.float64) / SECONDS[period]).astype(np.int64)
    start, last = int(numbered.min()), int(numbered.max())
    periods = numbered - start
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for position, values in enumerate(zip(*columns, strict=True)):
        groups[tuple("" if value is None else str(value) for value in values)].append(position)
    members = {ALL: np.arange(len(periods)), **{key: np.array(own) for key, own in sorted(groups.items())}}
    counts = {key: np.bincount(periods[own], minlength=last - start + 1) for key, own in members.items()}
    return SeriesTable(start, period, counts, members, periods)
