"""Surges of many series, period by period: one function of the counts up to a period, live and in an archive.

Each period is given once, in order. Series are added as they come up. What a count should be comes from one of two places:

- a series with a past (91 days of which 84 are looked at, and 30 messages or more in them): the regression of
  `signals.expected_counts`;
- a series that is new or rare: its own few counts and the rates of all series of its kind, `signals.pooled_rates`. A name
  that comes up is watched from its first period, in which it is held against how many messages a name has that has any.

Nothing is judged in the first four weeks of a stream (hours: in the first four days).

Where it is known what a model takes for what, the wrong answers that a surge of one label brings are expected of the
others.

The budget of a period is shared equally by the series with a past, and a fifth of it by those without; where there is one
sort alone it has all. Where a model was exchanged, its series begin anew and are watched again after 14 periods.

An alarm begins where its counts are the least likely as expected. It is over when its series has raised nothing for seven
periods (hours: twelve); until then it is one alarm.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

import numpy as np

from metier.monitoring.alarms import Size, size_of, smallest_found
from metier.monitoring.budget import FalseAlarms
from metier.monitoring.judges.history import History
from metier.monitoring.judges.label_errors import CorrectedCount, LabelErrors
from metier.monitoring.series import DAY, HOUR, Series
from metier.monitoring.signals.confused_counts import Confusion
from metier.monitoring.signals.detectors import LOOKBACK, Detector, Seen
from metier.monitoring.signals.expected_counts import Window

WINDOWS: Mapping[str, Window] = {
    DAY: Window(length=84, gap=7, cycle=7),
    HOUR: Window(length=24 * 14, gap=12, cycle=24, has_trend=False),
}
FIRST_JUDGED: Mapping[str, int] = {DAY: 28, HOUR: 96}  # Periods after which a stream is judged.
QUIET: Mapping[str, int] = {DAY: 7, HOUR: 12}  # Periods without evidence after which an alarm is over.
SHARE_OF_NEW = 0.2  # Of the budget, for series without a past of their own.


@dataclass(frozen=True)
class Surge:
    """A surge of one series, as it is known in a period.

    Parameters
    ----------
    series : Series
    since, last : int
        Periods from where it most likely began to the last alarm.
    raised : int
        The period in which it was first raised.
    size : Size
        Of what came from `since` to `last`.
    mean, dispersion, alpha : float
        What was expected of the period in which it was raised, and the probability of a false alarm it had.
    has_past : bool
        Whether it was held against its own past.
    is_over : bool
    """

    series: Series
    since: int
    last: int
    raised: int
    size: Size
    mean: float
    dispersion: float
    alpha: float
    has_past: bool
    is_over: bool = False

    def overlaps(self, other: "Surge") -> bool:
        """Say whether two surges have a period in common."""
        return self.since <= other.last and other.since <= self.last


class SurgeWatch:
    """Watches the counts of a stream for surges.

    Parameters
    ----------
    period : {"day", "hour"}
    false_alarms : FalseAlarms
        Allowed over all series together.
    find : Detector
    confusions : mapping of str to Confusion, optional
        What the models of series take for what, by their names.
    """

    def __init__(
        self,
        *,
        period: str,
        false_alarms: FalseAlarms,
        find: Detector,
        confusions: Mapping[str, Confusion] | None = None,
    ):
        self._errors = LabelErrors(confusions or {})
        self.history = History(WINDOWS[period], find.memory)
        self._period, self._find = period, find
        self._budget = false_alarms.of_a_test(1, period=period)
        self._running: dict[int, Surge] = {}

    @property
    def running(self) -> list[Surge]:
        """The alarms that are not over, in the order in which their series came up."""
        return [self._running[row] for row in sorted(self._running)]

    def step(
        self, number: int, counts: Mapping[Series, int], *, exchanged: Set[str] = frozenset()
    ) -> list[Surge]:
        """Judge a period.

        Parameters
        ----------
        number : int
            Of the period; the one before must have been given, unless it is the first.
        counts : mapping of Series to int
            Those that are not 0.
        exchanged : set of str
            Names in series whose model was exchanged at the beginning of this period.

        Returns
        -------
        list of Surge
            Those that are raised in this period, and those that are over.
        """
        if exchanged:
            self.history.forget(exchanged, number)
        self.history.add(number, counts)
        ended = self._ended(number)
        if number - self.history.first < FIRST_JUDGED[self._period]:
            return ended
        rows, expected, has_past = self.history.expected(number)
        present = self.history.counts[rows, -1]
        expected = self._errors.correct([self.history.keys[row] for row in rows], present, expected)
        self.history.expect(rows, expected)
        alpha = shared(self._budget, has_past)
        memory = self.history.memory[rows]
        alarms = self._find.step(self._seen(rows, number, has_past), memory, alpha)
        self.history.memory[rows] = memory
        raised = [
            self._raise(int(row), number, float(alpha[place]), bool(has_past[place]))
            for place, row in enumerate(rows)
            if alarms[place]
        ]
        return [*ended, *(one for one in raised if one is not None)]

    def smallest_found(self, series: Series, mean: float, dispersion: float, alpha: float) -> float | None:
        """Give how many times as many messages a surge of a series must bring to be found with 80 %."""
        learned = self.history.memory[self.history.row(series)]
        return smallest_found(self._find, mean, dispersion, alpha, learned=learned)

    def corrected(self, surge: Surge) -> CorrectedCount | None:
        """Give how many messages a surge has by what models take for what.

        None: it is of no label of a model that was measured, or longer than counts are remembered.
        """
        history = self.history
        first, end = (
            history.counts.shape[1] - 1 - (history.last - one) for one in (surge.since, surge.last + 1)
        )
        if first < 0:
            return None
        return self._errors.corrected(history.keys, history.counts[:, first:end].sum(axis=1), surge.series)

    def watched(self) -> dict[Series, tuple[float, float, float]]:
        """Give mean, dispersion and share of the budget of each series that is watched now, those with a past first."""
        rows, expected, has_past = self.history.expected(self.history.last)
        alpha = shared(self._budget, has_past)
        order = np.argsort(~has_past, kind="stable")
        return {
            self.history.keys[rows[place]]: (
                float(expected.mean[place]),
                float(expected.dispersion[place]),
                float(alpha[place]),
            )
            for place in order
        }

    def _seen(self, rows: np.ndarray, number: int, has_past: np.ndarray) -> Seen:
        history = self.history
        counts = history.counts[rows, -LOOKBACK:]
        return Seen(counts, history.mean[rows], history.dispersion[rows], number, has_past)

    def _raise(self, row: int, number: int, alpha: float, has_past: bool) -> Surge | None:
        """Note an alarm; give it where it is the first of its series."""
        known = self._running.get(row)
        history = self.history
        since = known.since if known else number - history.begin(row)
        size = size_of(*history.totals(row, number - since + 1))
        if known:
            grown = size if number - since < LOOKBACK else _longer(known, history, row, number)
            self._running[row] = replace(known, last=number, size=grown)
            return None
        self._running[row] = Surge(
            history.keys[row],
            since,
            number,
            number,
            size,
            float(history.mean[row, -1]),
            float(history.dispersion[row, -1]),
            alpha,
            has_past,
        )
        return self._running[row]

    def _ended(self, number: int) -> list[Surge]:
        over = [row for row, one in sorted(self._running.items()) if number - one.last > QUIET[self._period]]
        return [replace(self._running.pop(row), is_over=True) for row in over]


def _longer(known: Surge, history: History, row: int, number: int) -> Size:
    """Add what came since the last alarm to a surge that is longer than what is remembered."""
    observed, mean, variance = history.totals(row, number - known.last)
    before = known.size
    return size_of(
        before.observed + observed,
        before.expected + mean,
        variance * (before.expected + mean) / max(mean, 1e-9),
    )


def shared(budget: float, has_past: np.ndarray) -> np.ndarray:
    """Share the false alarms of a period among series, shape (n_series,): a fifth for those without a past."""
    n_past = int(has_past.sum())
    n_new = len(has_past) - n_past
    new = (SHARE_OF_NEW if n_past else 1.0) * budget / max(n_new, 1)
    own = ((1 - SHARE_OF_NEW) if n_new else 1.0) * budget / max(n_past, 1)
    return np.minimum(np.where(has_past, own, new), 0.5)
