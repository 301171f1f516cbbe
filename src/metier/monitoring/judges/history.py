"""The counts that a judge of surges remembers of each series, and what it expects of the next one."""

from collections.abc import Mapping, Set

import numpy as np

from metier.monitoring.series import Series, kind_of
from metier.monitoring.signals.detectors import LOOKBACK
from metier.monitoring.signals.expected_counts import Expected, Window, expected_after
from metier.monitoring.signals.pooled_rates import expected_next, given_any, pooled_prior

FEWEST = 30  # Messages in the window of a series that is held against its own past.
USUAL_OVERDISPERSION = 1.2  # Where no series has a past yet.
LONGEST_KNOWN = 14  # Periods after which a series counts among those that a prior is made of.


class History:
    """Counts of series, a row each, the present period last.

    Parameters
    ----------
    window : Window
        What a series with a past is held against.
    n_memory : int
        Numbers that the detector remembers of a series.

    Attributes
    ----------
    keys : list of Series
        By row.
    counts : ndarray of shape (n_series, n_remembered)
    mean, dispersion : ndarray of shape (n_series, LOOKBACK)
    born : ndarray of int of shape (n_series,)
        First period of each, or that in which its model was exchanged.
    is_new_name : ndarray of bool of shape (n_series,)
        Whether it came up after the stream had begun.
    first, last : int
        Periods of the stream.
    """

    def __init__(self, window: Window, n_memory: int):
        self._window, self._length = window, max(window.length + window.gap + 1, LOOKBACK)
        self.keys: list[Series] = []
        self._rows: dict[Series, int] = {}
        self._kinds: dict[tuple[str, ...], list[int]] = {}
        self.counts = np.zeros((0, self._length))
        self.mean, self.dispersion = np.zeros((0, LOOKBACK)), np.zeros((0, LOOKBACK))
        self.memory = np.zeros((0, n_memory))
        self.born, self.is_new_name = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
        self.first = self.last = -1
        self._overdispersion = USUAL_OVERDISPERSION
        self._exchanged: dict[str, int] = {}  # When the model of a name was exchanged last.

    def row(self, series: Series) -> int:
        """Give the row of a series."""
        return self._rows[series]

    def add(self, number: int, counts: Mapping[Series, int]) -> None:
        """Remember the counts of the next period."""
        if self.first < 0:
            self.first = number
        elif number != self.last + 1:
            raise ValueError(f"Period {number} does not come after period {self.last}.")
        self.last = number
        self._make_room(sorted(set(counts) - set(self._rows)), number)
        for rows, fill in ((self.counts, 0.0), (self.mean, np.nan), (self.dispersion, np.nan)):
            rows[:, :-1] = rows[:, 1:]
            rows[:, -1] = fill
        for series, count in counts.items():
            self.counts[self._rows[series], -1] = count

    def forget(self, names: Set[str], number: int) -> None:
        """Let the series that are counted by some names begin anew; they are watched again after two weeks."""
        self._exchanged |= dict.fromkeys(names, number)
        own = [row for row, key in enumerate(self.keys) if names & set(kind_of(key))]
        self.counts[own], self.memory[own] = 0, 0
        self.mean[own], self.dispersion[own] = np.nan, np.nan
        self.born[own], self.is_new_name[own] = number, False

    def expected(self, number: int) -> tuple[np.ndarray, Expected, np.ndarray]:
        """Give the rows that are watched in the present period, what is expected of each, and which have a past."""
        window, age = self._window, number - self.born
        past = self.counts[:, -(window.length + window.gap + 1) : -(window.gap + 1)]
        has_past = (age > window.length + window.gap - 1) & (past.sum(axis=1) >= FEWEST)
        mean, dispersion = np.full(len(self.keys), np.nan), np.full(len(self.keys), np.nan)
        own = np.flatnonzero(has_past)
        if len(own):
            found = expected_after(past[own], window)
            mean[own], dispersion[own] = found.mean, found.dispersion
            self._overdispersion = float(np.clip(np.median(1 + found.dispersion * found.mean), 1.0, 5.0))
        for names, kind in self._kinds.items():
            if all(number - self._exchanged.get(name, -LONGEST_KNOWN) >= LONGEST_KNOWN for name in names):
                self._pool(np.array(kind), has_past, number, mean, dispersion)
        rows = np.flatnonzero(np.isfinite(mean))
        return rows, Expected(mean[rows], dispersion[rows]), has_past[rows]

    def expect(self, rows: np.ndarray, expected: Expected) -> None:
        """Remember what is expected of the present period."""
        self.mean[rows, -1], self.dispersion[rows, -1] = expected.mean, expected.dispersion

    def begin(self, row: int) -> int:
        """Give how many periods before the present one a surge most likely began.

        That whose counts from there on are the least likely as expected (the likelihood ratio of Poisson counts).
        """
        is_known = np.isfinite(self.mean[row])
        known = int(np.argmin(is_known[::-1])) if not is_known.all() else len(is_known)
        counts = np.cumsum(self.counts[row, -LOOKBACK:][::-1][:known])
        mean = np.maximum(np.cumsum(self.mean[row, ::-1][:known]), 1e-9)
        ratio = counts * np.log(np.maximum(counts, 1e-9) / mean) - (counts - mean)
        return int(np.argmax(np.where(counts > mean, ratio, 0.0)))

    def totals(self, row: int, periods: int) -> tuple[int, float, float]:
        """Give the messages of the last periods, their expected number and its variance."""
        mean, dispersion = self.mean[row, -periods:], self.dispersion[row, -periods:]
        variance = float(np.nansum(mean + dispersion * mean**2))
        return int(self.counts[row, -periods:].sum()), float(np.nansum(mean)), variance

    def _pool(
        self, kind: np.ndarray, has_past: np.ndarray, number: int, mean: np.ndarray, dispersion: np.ndarray
    ) -> None:
        """Fill in what is expected of the series of one kind that have no past."""
        periods, messages = self._known(kind, number)
        known = np.flatnonzero(periods >= min(LONGEST_KNOWN, max(number - self.first, 1)))
        prior = (
            pooled_prior(messages[known], periods[known]) if len(known) else pooled_prior(messages, periods + 1)
        )
        is_seen = self.counts[kind].any(axis=1)  # What is gone for so long comes up anew.
        pooled = np.flatnonzero(~has_past[kind] & is_seen)
        found = expected_next(prior, messages[pooled], periods[pooled], self._overdispersion)
        is_first = self.is_new_name[kind[pooled]] & (self.born[kind[pooled]] == number)
        first = given_any(found)
        mean[kind[pooled]] = np.where(is_first, first.mean, found.mean)
        dispersion[kind[pooled]] = np.where(is_first, first.dispersion, found.dispersion)

    def _known(self, kind: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Give in how many periods each series is known, and what came in them; the first of a new name is not one."""
        window, counts = self._window, self.counts[kind]
        age = number - self.born[kind]
        begins = np.where(self.is_new_name[kind], 1, 0)
        columns = np.arange(self._length) - (self._length - 1)  # Periods from the present one, which is 0.
        is_old = age > window.length + window.gap
        from_, to = (
            np.where(is_old, -(window.length + window.gap), begins - age),
            np.where(is_old, -window.gap, 0),
        )
        is_used = (columns >= from_[:, None]) & (columns < to[:, None])
        return is_used.sum(axis=1).astype(np.float64), (counts * is_used).sum(axis=1)

    def _make_room(self, new: list[Series], number: int) -> None:
        if not new:
            return
        for series in new:
            self._rows[series] = len(self.keys)
            self._kinds.setdefault(kind_of(series), []).append(len(self.keys))
            self.keys.append(series)
        n = len(new)
        self.counts = np.pad(self.counts, ((0, n), (0, 0)))
        self.mean = np.pad(self.mean, ((0, n), (0, 0)), constant_values=np.nan)
        self.dispersion = np.pad(self.dispersion, ((0, n), (0, 0)), constant_values=np.nan)
        self.memory = np.pad(self.memory, ((0, n), (0, 0)))
        self.born = np.append(self.born, np.full(n, number))
        self.is_new_name = np.append(self.is_new_name, np.full(n, number > self.first))
