"""The counts of a store as whole series, with what was expected of each period, for those who look at them later."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from scipy.special import gammaincinv

from metier.monitoring.series import DAY, HOUR, SECONDS
from metier.monitoring.signals.expected_counts import Expected, Window, expected_counts
from metier.monitoring.store.period_counts import PeriodCounts

WINDOWS: Mapping[str, Window] = {
    DAY: Window(length=84, gap=7, cycle=7),
    HOUR: Window(length=24 * 14, gap=12, cycle=24, has_trend=False),
}
SHOWN: Mapping[str, int] = {DAY: 35, HOUR: 96}  # Periods of a chart.
Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Ratio:
    """How many times as many messages there are as expected, with its 95 % interval."""

    observed: int
    expected: float
    times: float
    low: float
    high: float


@dataclass(frozen=True)
class WatchedSeries:
    """Counts of distinct messages.

    Parameters
    ----------
    period : {"day", "hour"}
    first : int
        Number of the first period since 1970.
    n_periods : int
    counts : mapping of series to ndarray of int of shape (n_periods,)
    """

    period: str
    first: int
    n_periods: int
    counts: Mapping[Key, np.ndarray]

    def place(self, moment: datetime) -> int:
        """Give the place of the period of a moment; it may lie outside."""
        return int(moment.timestamp() // SECONDS[self.period]) - self.first

    def moment(self, place: int) -> datetime:
        """Give the beginning of a period, in UTC."""
        return datetime.fromtimestamp((self.first + place) * SECONDS[self.period], UTC)

    def expected(self, key: Key) -> Expected:
        """Give what was expected of each period of a series, by the window before it."""
        return expected_counts(self.counts[key], WINDOWS[self.period])

    def ratio(self, key: Key, first: int, last: int) -> Ratio | None:
        """Hold the messages of some periods against what was expected; None: the past is too short to say.

        The interval is that of counts that vary more than Poisson's, by gamma quantiles (Garwood, 1936).
        """
        expected, own = self.expected(key), slice(first, last + 1)
        mean, dispersion = expected.mean[own], expected.dispersion[own]
        if not len(mean) or not np.isfinite(mean).all():
            return None
        observed, total = int(self.counts[key][own].sum()), max(float(mean.sum()), 1e-9)
        spread = max(float((mean + dispersion * mean**2).sum()) / total, 1.0)
        effective, scale = observed / spread, spread / total
        low = float(gammaincinv(effective, 0.025)) * scale if effective > 0 else 0.0
        high = float(gammaincinv(effective + 1, 0.975)) * scale
        return Ratio(observed, total, observed / total, low, high)


def watched_series(counted: PeriodCounts, last: int) -> WatchedSeries | None:
    """Read the counts up to a period, as far back as is needed to say what was expected of those that are shown.

    None where there are none.
    """
    begins = counted.first_period()
    if begins is None or begins > last:
        return None
    window = WINDOWS[counted.period]
    first = max(begins, last + 1 - SHOWN[counted.period] - window.length - window.gap)
    n = last - first + 1
    counts: dict[Key, np.ndarray] = defaultdict(lambda: np.zeros(n, dtype=np.int64))
    for one in counted.store.counts(first=first, last=last):
        if all(counted.version(name, one.period) in (None, own) for name, own in one.versions.items()):
            counts[tuple(sorted(one.series.items()))][one.period - first] += one.distinct
    return WatchedSeries(counted.period, first, n, dict(counts))


def band(expected: Expected) -> tuple[np.ndarray, np.ndarray]:
    """Give the range of 95 % of counts as expected, by gamma quantiles; nan where nothing is known.

    Returns
    -------
    (low, high) : tuple of ndarray of shape (n_periods,)
    """
    mean = np.maximum(expected.mean, 1e-6)
    variance = mean + expected.dispersion * mean**2
    shape, scale = mean**2 / variance, variance / mean
    return np.asarray(gammaincinv(shape, 0.025) * scale), np.asarray(gammaincinv(shape, 0.975) * scale)
