"""Which periods are surges, each detector by a probability of a false alarm in a period.

`negative_binomial`
    The tail of one count by what was expected of it (after farringtonFlexible, Noufaily et al., 2013).
`cusum`
    Evidence for a lasting surge, summed while it holds: likelihood ratios of counts 1.5, 2 and 4 times as high, mixed. The
    sum is an e-detector [1]_: however long it runs, false alarms come no more often than once in 1 / alpha periods, if
    counts are as expected.
`ears`
    EARS C2 [2]_: a count against mean and standard deviation of the seven days that end two days before; its cut is that of
    the normal distribution for the same probability.
`dummy`
    Alarms by chance, so often as may be: what any detector must beat.

References
----------
.. [1] Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", 2024.
.. [2] Hutwagner, Thompson, Seeman and Treadwell, "The bioterrorism preparedness and response Early Aberration Reporting
   System (EARS)", 2003.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import ndtri

from metier.errors import UnknownNameError
from metier.monitoring.signals.expected_counts import Expected
from metier.monitoring.signals.negative_binomial import log_likelihood, tail

TIMES_AS_HIGH = (1.5, 2.0, 4.0)
EARS_DAYS, EARS_GAP = 7, 2

# From the counts of a series (n_periods,), what was expected of them and a probability to whether each is an alarm.
Detector = Callable[[np.ndarray, Expected, float], np.ndarray]


def negative_binomial(counts: np.ndarray, expected: Expected, alpha: float) -> np.ndarray:
    """Alarm where a count this high has a probability of at most alpha."""
    is_known = np.isfinite(expected.mean)
    chance = tail(counts, np.where(is_known, expected.mean, 1.0), np.where(is_known, expected.dispersion, 1.0))
    return np.asarray(is_known & (chance <= alpha))


def cusum(counts: np.ndarray, expected: Expected, alpha: float) -> np.ndarray:
    """Alarm where the evidence for a lasting surge reaches 1 / alpha; after an alarm it begins anew."""
    alarms = np.zeros(len(counts), dtype=bool)
    known = np.flatnonzero(np.isfinite(expected.mean))
    if not len(known):
        return alarms
    mean, dispersion = expected.mean[known], expected.dispersion[known]
    usual = log_likelihood(counts[known], mean, dispersion)
    ratios = np.stack(
        [log_likelihood(counts[known], times * mean, dispersion) - usual for times in TIMES_AS_HIGH]
    )
    evidence, needed = np.zeros(len(TIMES_AS_HIGH)), np.log(1 / alpha)
    for place, gains in zip(known, ratios.T, strict=True):
        evidence = np.maximum(evidence, 0) + gains
        if np.logaddexp.reduce(evidence) - np.log(len(evidence)) >= needed:
            alarms[place] = True
            evidence = np.zeros(len(TIMES_AS_HIGH))
    return alarms


def ears(counts: np.ndarray, expected: Expected, alpha: float) -> np.ndarray:
    """Alarm where a count is too many standard deviations above the mean of a week."""
    before = EARS_DAYS + EARS_GAP
    alarms = np.zeros(len(counts), dtype=bool)
    if len(counts) > before:
        past = sliding_window_view(np.asarray(counts, dtype=np.float64), EARS_DAYS)[: len(counts) - before]
        above = counts[before:] - past.mean(axis=1)
        alarms[before:] = above > float(-ndtri(alpha)) * np.maximum(past.std(axis=1, ddof=1), 0.5)
    return np.asarray(alarms & np.isfinite(expected.mean))


def dummy(counts: np.ndarray, expected: Expected, alpha: float) -> np.ndarray:
    """Alarm by chance."""
    drawn = np.random.default_rng(len(counts) + int(counts.sum())).random(len(counts))
    return np.asarray((drawn < alpha) & np.isfinite(expected.mean))


DETECTORS: Mapping[str, Detector] = {
    "cusum": cusum,
    "negative_binomial": negative_binomial,
    "ears": ears,
    "dummy": dummy,
}


def detector(name: str) -> Detector:
    """Give a detector by its name; raises `UnknownNameError` where there is none."""
    if name not in DETECTORS:
        raise UnknownNameError("detector", name, known=list(DETECTORS))
    return DETECTORS[name]
