"""An archive of dated messages, watched as if it came in live: every alarm that would have been raised, and when."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metier.errors import DataError, UnknownNameError
from metier.monitoring.alarms import Alarm, alarms_of, smallest_found
from metier.monitoring.budget import FalseAlarms
from metier.monitoring.series import DAY, HOUR, SeriesTable, count_series
from metier.monitoring.signals.detectors import Detector, detector
from metier.monitoring.signals.expected_counts import Expected, Window, expected_counts
from metier.progress import Listener, Progress, ignore
from metier.text.duplicates import near_duplicates

FORMAT = "metier.backtest.v1"
WINDOWS: Mapping[str, Window] = {
    DAY: Window(length=84, gap=7, cycle=7),
    HOUR: Window(length=24 * 14, gap=12, cycle=24, has_trend=False),
}
FEWEST = 30  # Messages of a series that is watched.
EXAMPLES = 3
LONGEST = 200  # Characters of an example.
COPIED_WITHIN = 7 * 86_400  # Seconds after which the same words are said anew.


@dataclass(frozen=True)
class Backtest:
    """What would have been raised.

    Parameters
    ----------
    table : SeriesTable
    alarms : tuple of Alarm
        The earliest first.
    examples : mapping of Alarm to tuple of str
        Texts of the messages of each, no two nearly the same.
    missed : mapping of tuple of str to float or None
        For each watched series how many times as many messages a surge of seven periods must bring to be found with 80 %.
    too_small : int
        Series of too few messages.
    n_messages, n_distinct : int
        All messages, and those that are left where near-duplicates count once.
    alpha : float
        Probability of a false alarm in each period of each series.
    detector : str
    false_alarms : FalseAlarms
    """

    table: SeriesTable
    alarms: tuple[Alarm, ...]
    examples: Mapping[Alarm, tuple[str, ...]]
    missed: Mapping[tuple[str, ...], float | None]
    too_small: int
    n_messages: int
    n_distinct: int
    alpha: float
    detector: str
    false_alarms: FalseAlarms

    def also_moved(self, alarm: Alarm) -> list[tuple[str, ...]]:
        """Give the other series that have an alarm at the same time."""
        return [
            one.key
            for one in self.alarms
            if one is not alarm and one.since <= alarm.last and alarm.since <= one.last
        ]

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON."""
        return {
            "format": FORMAT,
            "detector": self.detector,
            "false_alarms": str(self.false_alarms),
            "alpha": self.alpha,
            "period": self.table.period,
            "periods": self.table.n_periods,
            "messages": self.n_messages,
            "distinct_messages": self.n_distinct,
            "series": len(self.missed),
            "series_too_small": self.too_small,
            "alarms": [self._facts(one) for one in self.alarms],
            "smallest_found": [{"series": list(key), "times": times} for key, times in self.missed.items()],
        }

    def _facts(self, alarm: Alarm) -> dict[str, Any]:
        moments = {name: self.table.moment(place).isoformat() for name, place in _places(alarm)}
        examples = {"examples": list(self.examples[alarm])}
        return asdict(alarm) | moments | examples | {"also": [list(key) for key in self.also_moved(alarm)]}


def _places(alarm: Alarm) -> Sequence[tuple[str, int]]:
    return (("since", alarm.since), ("last", alarm.last), ("raised", alarm.raised))


def backtest(
    seconds: np.ndarray,
    texts: Sequence[str],
    columns: Sequence[Sequence[Any]],
    *,
    false_alarms: FalseAlarms,
    period: str = DAY,
    detector_name: str = "cusum",
    collapses: bool = True,
    listener: Listener = ignore,
) -> Backtest:
    """Watch an archive.

    Parameters
    ----------
    seconds : ndarray of shape (n_messages,)
        Times, since 1970 in UTC.
    texts : sequence of str
    columns : sequence of sequences
        What messages are counted by.
    false_alarms : FalseAlarms
        Allowed over all series together.
    detector_name : str
        One of `signals.DETECTORS`.
    collapses : bool, default=True
        Whether messages that are nearly the same count once, the earliest of them.

    Raises
    ------
    DataError
        If the archive is too short for its past to say what is expected.
    UnknownNameError
        If there is no such detector or period.
    """
    find = detector(detector_name)
    if period not in WINDOWS:
        raise UnknownNameError("period", period, known=list(WINDOWS))
    kept = _distinct(seconds, texts) if collapses else np.argsort(seconds, kind="stable")
    table = count_series(
        np.asarray(seconds)[kept], [[one[row] for row in kept] for one in columns], period=period
    )
    window = WINDOWS[period]
    _check_length(table, window)
    watched = {key: counts for key, counts in table.counts.items() if counts.sum() >= FEWEST}
    alpha = false_alarms.of_a_test(max(len(watched), 1), period=period)
    alarms: list[Alarm] = []
    missed: dict[tuple[str, ...], float | None] = {}
    for done, (key, counts) in enumerate(watched.items()):
        listener(Progress("watching", done, len(watched), "series"))
        expected = expected_counts(counts, window)
        alarms += alarms_of(key, counts, expected, find(counts, expected, alpha))
        missed[key] = _missed(find, expected, alpha)
    ordered = tuple(sorted(alarms, key=lambda one: (one.raised, one.key)))
    listener(Progress("watching", len(watched), len(watched), "series"))
    told = [texts[row] for row in kept]
    examples = {one: _examples(table, one, told) for one in ordered}
    return Backtest(
        table,
        ordered,
        examples,
        missed,
        len(table.counts) - len(watched),
        len(seconds),
        len(kept),
        alpha,
        detector_name,
        false_alarms,
    )


def _distinct(seconds: np.ndarray, texts: Sequence[str]) -> np.ndarray:
    """Leave out messages nearly the same as one of the days before them; give the others in the order of time."""
    order = np.argsort(seconds, kind="stable")
    clusters = near_duplicates([texts[row] for row in order]).ids
    last: dict[int, float] = {}
    kept = []
    for row, cluster in zip(order.tolist(), clusters.tolist(), strict=True):
        if float(seconds[row]) - last.get(cluster, -np.inf) > COPIED_WITHIN:
            kept.append(row)
        last[cluster] = float(seconds[row])
    return np.array(kept)


def _check_length(table: SeriesTable, window: Window) -> None:
    needed = window.length + window.gap + 1
    if table.n_periods < needed:
        raise DataError(
            f"The messages span {table.n_periods:,} {table.period}s, and what is expected of one is learned from the "
            f"{needed - 1:,} before it. Give an archive of more, or count by another period."
        )


def _missed(find: Detector, expected: Expected, alpha: float) -> float | None:
    known = np.isfinite(expected.mean)
    mean, dispersion = float(np.median(expected.mean[known])), float(np.median(expected.dispersion[known]))
    return smallest_found(find, mean, dispersion, alpha)


def _examples(table: SeriesTable, alarm: Alarm, texts: Sequence[str]) -> tuple[str, ...]:
    """Give the first messages of an alarm, from when it was raised."""
    own = table.messages(alarm.key, alarm.raised, alarm.last)
    return tuple(texts[int(row)][:LONGEST] for row in own[:EXAMPLES])
