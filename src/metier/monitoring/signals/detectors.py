"""Which counts are surges, each detector by a probability of a false alarm in a period.

A detector sees one period of many series at once, the counts before it, and nothing of what comes after; what it has to
remember is a row of numbers a series, which it changes. So a stream that is watched live and an archive that is replayed
give the same alarms.

`quasi_cusum`
    The same evidence as of `cusum`, by Poisson's likelihood divided by how much more than Poisson's the sums of seven days
    vary: what a detector has seen of a series so far, drawn towards that of all series. Most bursts last days, and a
    likelihood of single days takes each of them for news. It raises at a tenth of 1 / alpha: in simulations false
    alarms then came 0.75 to 1.23 times in 1 / alpha periods (docs/streams.md). Its budget rests on those, that of `cusum`
    on a proof.
`cusum`
    Evidence for a lasting surge, summed while it holds: likelihood ratios of counts 1.25 to 8 times as high, mixed. The
    sum is an e-detector [1]_: however long it runs, false alarms come no more often than once in 1 / alpha periods, if
    counts are as expected.
`negative_binomial`
    The tail of one count by what was expected of it.
`benjamini_hochberg`
    The same tails of all series of a period, raised together where the share of false ones among them is as allowed [2]_.
    Where no series surges, it raises as rarely as `negative_binomial`; where many do, it raises smaller ones.
`farrington`
    The quasi-Poisson bound of Farrington and others [3]_ on the scale of powers of two thirds; past outbreaks weigh less,
    and fewer than five messages in the last 28 periods are no outbreak. It is not farringtonFlexible [5]_: that one takes
    the same weeks of some past years, a factor of seasons and the latest 26 weeks left out, and this one 84 days, the
    weekday and the latest 7 left out; past counts above 2.58 residuals weigh by the inverse square there, once, and here
    by (2.58 / residual) ** 4, three times; here the overdispersion is two standard errors higher, the trend stays whether
    it is significant or not but is drawn towards none, and residuals are not corrected for leverage. Neither the negative
    binomial bound nor the score of exceedance is here.
`ears_c1`, `ears`, `ears_c3`
    EARS C1, C2 and C3 [4]_: a count against mean and standard deviation of seven days, which end the day before or two days
    before; C3 adds up what the last three days were too high. Their cuts are those of the normal distribution.
`dummy`
    Alarms by chance, so often as may be: what any detector must beat.

References
----------
.. [1] Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", 2024.
.. [2] Benjamini and Hochberg, "Controlling the false discovery rate", 1995.
.. [3] Farrington, Andrews, Beale and Catchpole, "A statistical algorithm for the early detection of outbreaks of
   infectious disease", 1996.
.. [4] Hutwagner, Thompson, Seeman and Treadwell, "The bioterrorism preparedness and response Early Aberration Reporting
   System (EARS)", 2003.
.. [5] Noufaily, Enki, Farrington, Garthwaite, Andrews and Charlett, "An improved algorithm for outbreak detection in
   multiple surveillance systems", 2013; farringtonFlexible of R's package surveillance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import ndtri

from metier.errors import UnknownNameError
from metier.evaluation.many_comparisons import benjamini_hochberg
from metier.monitoring.signals.expected_counts import Expected
from metier.monitoring.signals.negative_binomial import log_likelihood, tail

LOOKBACK = 28  # Periods that a detector sees, the present one included.
TIMES_AS_HIGH = (1.25, 1.5, 2.0, 4.0, 8.0)
EARS_DAYS, EARS_GAP, C3_DAYS = 7, 2, 3
QUASI_TIMES = (1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
QUASI_DAYS = 7  # Whose sums' variance is learned.
QUASI_FACTOR = (
    10.0  # By simulation: evidence of Poisson counts seldom reaches what the bound of a proof allows.
)
QUASI_PRIOR, QUASI_PRIOR_WEEKS = 2.0, 5.0  # Variance by Poisson's before any is known, and what it is worth.
QUASI_OUTLIER = 9.0  # A surge of the past adds no more than so many times the usual variance.
LEAST_DEVIATION = 0.5  # Of the counts of a week without any.
FEWEST_IN_FOUR_WEEKS = 5


@dataclass(frozen=True)
class Seen:
    """What a detector sees of some series: the last periods, the present one last.

    Parameters
    ----------
    counts, mean, dispersion : ndarray of shape (n_series, LOOKBACK)
        Counts, and what was expected of them; nan where nothing was.
    period : int
        The present one.
    has_past : ndarray of bool of shape (n_series,)
        Whether what is expected comes from a past of their own, not from series of their kind.
    """

    counts: np.ndarray
    mean: np.ndarray
    dispersion: np.ndarray
    period: int
    has_past: np.ndarray


class Detector(Protocol):
    """A way to find surges."""

    @property
    def memory(self) -> int:
        """How many numbers are remembered of a series; all 0 at first."""
        ...

    @property
    def learned(self) -> int:
        """How many of them, the last ones, are what was learned of a series and not evidence."""
        ...

    def step(self, seen: Seen, memory: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Say of which series the present count is an alarm.

        Parameters
        ----------
        seen : Seen
        memory : ndarray of shape (n_series, self.memory)
            Changed in place.
        alpha : ndarray of shape (n_series,)
            Probability of a false alarm that each may have.

        Returns
        -------
        ndarray of bool of shape (n_series,)
        """
        ...


class Cusum:
    """Evidence for a lasting surge; after an alarm it begins anew."""

    memory, learned = len(TIMES_AS_HIGH), 0

    def step(self, seen: Seen, memory: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Alarm where the evidence reaches 1 / alpha."""
        counts, mean, dispersion = seen.counts[:, -1], seen.mean[:, -1], seen.dispersion[:, -1]
        usual = log_likelihood(counts, mean, dispersion)
        for place, times in enumerate(TIMES_AS_HIGH):
            gains = log_likelihood(counts, times * mean, dispersion) - usual
            memory[:, place] = np.maximum(memory[:, place], 0) + gains
        evidence = np.logaddexp.reduce(memory, axis=1) - np.log(self.memory)
        raised = np.asarray((evidence >= np.log(1 / alpha)) & (counts > mean))
        memory[raised] = 0
        return raised


class QuasiCusum:
    """Evidence for a lasting surge, by how much sums of a week vary; after an alarm it begins anew."""

    memory, learned = len(QUASI_TIMES) + 2, 2

    def step(self, seen: Seen, memory: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Alarm where the evidence reaches a tenth of 1 / alpha."""
        n_sizes = len(QUASI_TIMES)
        counts, mean = seen.counts[:, -1], np.maximum(seen.mean[:, -1], 1e-6)
        # What is expected of a name without a past is uncertain itself, and its distribution holds all of that.
        varies = np.where(seen.has_past, self._varies(memory), 1.0)
        dispersion = np.where(seen.has_past, 0.0, seen.dispersion[:, -1])
        usual = log_likelihood(counts, mean, dispersion)
        for place, times in enumerate(QUASI_TIMES):
            gains = (log_likelihood(counts, times * mean, dispersion) - usual) / varies
            memory[:, place] = np.maximum(memory[:, place], 0) + gains
        evidence = np.logaddexp.reduce(memory[:, :n_sizes], axis=1) - np.log(n_sizes)
        raised = np.asarray((evidence >= np.log(1 / (QUASI_FACTOR * alpha))) & (counts > mean))
        memory[raised, :n_sizes] = 0
        self._learn(seen, memory, varies)
        return raised

    def _varies(self, memory: np.ndarray) -> np.ndarray:
        """Give how many times Poisson's variance the sums of a week have, 1 or more; of shape (n_series,)."""
        squares, weeks = memory[:, -2], memory[:, -1]
        prior = QUASI_PRIOR_WEEKS
        pooled = (squares.sum() + prior * QUASI_PRIOR) / (weeks.sum() + prior)
        return np.asarray(np.maximum((squares + prior * pooled) / (weeks + prior), 1.0))

    def _learn(self, seen: Seen, memory: np.ndarray, varies: np.ndarray) -> None:
        """Add the last seven days; they are a seventh of a week that no other sum has."""
        counts, mean = seen.counts[:, -QUASI_DAYS:].sum(axis=1), seen.mean[:, -QUASI_DAYS:].sum(axis=1)
        is_known = np.isfinite(mean) & seen.has_past
        squares = (counts - mean) ** 2 / np.maximum(np.nan_to_num(mean, nan=1.0), 0.05)
        kept = np.minimum(np.nan_to_num(squares), QUASI_OUTLIER * varies)
        memory[:, -2] += np.where(is_known, kept / QUASI_DAYS, 0)
        memory[:, -1] += np.where(is_known, 1 / QUASI_DAYS, 0)


class NegativeBinomial:
    """Alarm where a count this high has a probability of at most alpha."""

    memory, learned = 0, 0

    def step(self, seen: Seen, memory: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Alarm by the tail of the present count."""
        return np.asarray(_tails(seen) <= alpha)


class BenjaminiHochberg:
    """Alarm by the tails of all series of a period together."""

    memory, learned = 0, 0

    def step(self, seen: Seen, memory: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Alarm so that of the series that are raised so large a share is false as all together may be."""
        level = float(alpha.sum())
        return benjamini_hochberg(_tails(seen) * alpha.mean() / alpha, min(level, 0.5))


class Farrington:
    """Alarm where a count is above the bound of Farrington and others."""

    memory, learned = 0, 0

    def step(self, seen: Seen, memory: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Alarm above the bound, by the mean's and the count's own variance."""
        mean = np.maximum(seen.mean[:, -1], 1e-6)
        bound = farrington_bound(mean, mean + seen.dispersion[:, -1] * mean**2, alpha)
        is_enough = seen.counts.sum(axis=1) >= FEWEST_IN_FOUR_WEEKS
        return np.asarray((seen.counts[:, -1] > bound) & is_enough)


def farrington_bound(mean: np.ndarray, variance: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Give the count that is exceeded with a probability of alpha, as powers of two thirds are nearly normal.

    Parameters
    ----------
    mean : ndarray of shape (n_series,)
    variance : ndarray of shape (n_series,)
        Of a count about its estimated mean: that of the count, and that of the estimate.
    alpha : ndarray of shape (n_series,)
    """
    reach = 2 / 3 * -ndtri(alpha) * np.sqrt(variance) / mean
    return np.asarray(mean * (1 + reach) ** 1.5)


@dataclass(frozen=True)
class Ears:
    """Alarm where a count is too many standard deviations above the mean of a week.

    Parameters
    ----------
    gap : int
        Days between that week and the count: 0 is C1, 2 is C2.
    days : int
        Days whose excess above one standard deviation is summed: 3 with a gap of 2 is C3.
    """

    gap: int
    days: int = 1
    memory: int = 0
    learned: int = 0

    def step(self, seen: Seen, memory: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Alarm above the cut of the normal distribution."""
        cut = -ndtri(alpha)
        if self.days == 1:
            return np.asarray(self._score(seen.counts, 0) > cut)
        # C3's cut is two where C2's is three, and each day counts with what is above one.
        above = [np.maximum(self._score(seen.counts, back) - 1, 0) for back in range(self.days)]
        return np.asarray(np.sum(above, axis=0) > cut - 1)

    def _score(self, counts: np.ndarray, back: int) -> np.ndarray:
        last = counts.shape[1] - 1 - back
        past = counts[:, last - self.gap - EARS_DAYS : last - self.gap]
        deviation = np.maximum(past.std(axis=1, ddof=1), LEAST_DEVIATION)
        return np.asarray((counts[:, last] - past.mean(axis=1)) / deviation)


class Dummy:
    """Alarm by chance, the same for the same period and counts."""

    memory, learned = 0, 0

    def step(self, seen: Seen, memory: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Alarm with a probability of alpha."""
        seed = seen.period * 1_000_003 + int(seen.counts.sum())
        return np.asarray(np.random.default_rng(abs(seed)).random(len(alpha)) < alpha)


def _tails(seen: Seen) -> np.ndarray:
    return tail(seen.counts[:, -1], seen.mean[:, -1], seen.dispersion[:, -1])


DETECTORS: Mapping[str, Detector] = {
    "quasi_cusum": QuasiCusum(),
    "cusum": Cusum(),
    "negative_binomial": NegativeBinomial(),
    "benjamini_hochberg": BenjaminiHochberg(),
    "farrington": Farrington(),
    "ears_c1": Ears(gap=0),
    "ears": Ears(gap=EARS_GAP),
    "ears_c3": Ears(gap=EARS_GAP, days=C3_DAYS),
    "dummy": Dummy(),
}


def detector(name: str) -> Detector:
    """Give a detector by its name; raises `UnknownNameError` where there is none."""
    if name not in DETECTORS:
        raise UnknownNameError("detector", name, known=list(DETECTORS))
    return DETECTORS[name]


def raised(
    find: Detector,
    counts: np.ndarray,
    expected: Expected,
    alpha: float,
    *,
    learned: np.ndarray | None = None,
) -> np.ndarray:
    """Say which periods of whole series are alarms, period by period.

    Parameters
    ----------
    counts : ndarray of shape (n_periods,) or (n_series, n_periods)
    expected : Expected
        Of the same shape.
    learned : ndarray of shape (find.memory,), optional
        What a detector remembers of such a series; its evidence is left out.

    Returns
    -------
    ndarray of bool of the same shape
    """
    rows, mean, dispersion = (
        np.atleast_2d(np.asarray(one, dtype=np.float64)) for one in (counts, expected.mean, expected.dispersion)
    )
    found = np.zeros(rows.shape, dtype=bool)
    before = ((0, 0), (LOOKBACK - 1, 0))
    seen_counts = np.pad(rows, before)
    seen_mean, seen_dispersion = (np.pad(one, before, constant_values=np.nan) for one in (mean, dispersion))
    memory = np.zeros((len(rows), find.memory))
    if learned is not None and find.learned:
        memory[:, -find.learned :] = learned[-find.learned :]
    for period in range(rows.shape[1]):
        known = np.flatnonzero(np.isfinite(mean[:, period]))
        if not len(known):
            continue
        own_periods = slice(period, period + LOOKBACK)
        seen = Seen(
            seen_counts[known, own_periods],
            seen_mean[known, own_periods],
            seen_dispersion[known, own_periods],
            period,
            np.ones(len(known), dtype=bool),
        )
        own = memory[known]
        found[known, period] = find.step(seen, own, np.full(len(known), alpha))
        memory[known] = own
    return found.reshape(np.shape(counts))
