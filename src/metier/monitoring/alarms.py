"""Alarms of a series: since when, how large with an interval, and how large a surge would have been missed."""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from metier.monitoring.signals.detectors import Detector
from metier.monitoring.signals.expected_counts import Expected

APART = 7  # Alarms of one series that follow one another within so many periods are one.
POWER = 0.8  # Probability of being found that a surge must have not to count as missed.
DRAWN = 100  # Surges of each size.
SIZES = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0)
LASTING = 7


@dataclass(frozen=True)
class Alarm:
    """A surge of one series.

    Parameters
    ----------
    key : tuple of str
        Of the series.
    since, last : int
        Periods from where the counts are above what was expected to the last alarm.
    raised : int
        The period in which it was first raised.
    observed, expected : float
        Messages from `since` to `last`.
    times, low, high : float
        Their ratio, with its 95 % interval.
    """

    key: tuple[str, ...]
    since: int
    last: int
    raised: int
    observed: int
    expected: float
    times: float
    low: float
    high: float


def alarms_of(key: tuple[str, ...], counts: np.ndarray, expected: Expected, raised: np.ndarray) -> list[Alarm]:
    """Give the alarms of a series, what follows closely taken together.

    Parameters
    ----------
    raised : ndarray of bool of shape (n_periods,)
        What a detector says.
    """
    found: list[list[int]] = []
    for place in np.flatnonzero(raised).tolist():
        if found and place - found[-1][-1] <= APART:
            found[-1].append(place)
        else:
            found.append([place])
    return [_alarm(key, counts, expected, run[0], run[-1]) for run in found]


def _alarm(key: tuple[str, ...], counts: np.ndarray, expected: Expected, raised: int, last: int) -> Alarm:
    since = raised
    while since > 0 and np.isfinite(expected.mean[since - 1]) and counts[since - 1] > expected.mean[since - 1]:
        since -= 1
    own = slice(since, last + 1)
    observed, mean = int(counts[own].sum()), float(expected.mean[own].sum())
    variance = float((expected.mean[own] + expected.dispersion[own] * expected.mean[own] ** 2).sum())
    times, low, high = _ratio(observed, mean, variance / max(mean, 1e-9))
    return Alarm(key, since, last, raised, observed, mean, times, low, high)


def _ratio(observed: int, mean: float, overdispersion: float) -> tuple[float, float, float]:
    """Give how many times as many there are, by gamma quantiles [1]_ of counts that vary more than Poisson's.

    References
    ----------
    .. [1] Garwood, "Fiducial limits for the Poisson distribution", 1936.
    """
    effective, scale = observed / overdispersion, overdispersion / max(mean, 1e-9)
    low = float(gammaincinv(effective, 0.025)) * scale if effective > 0 else 0.0
    return observed / max(mean, 1e-9), low, float(gammaincinv(effective + 1, 0.975)) * scale


def smallest_found(
    find: Detector,
    mean: float,
    dispersion: float,
    alpha: float,
    *,
    lasting: int = LASTING,
    random_state: int = 0,
) -> float | None:
    """Give how many times as many messages a surge must bring to be found with a probability of 80 %, by simulation.

    Parameters
    ----------
    find : callable
        The detector.
    mean, dispersion : float
        Expected of each period.
    lasting : int
        Periods of the surge.

    Returns
    -------
    float or None
        One of `SIZES`; None: not even the largest is found so often.
    """
    expected = Expected(np.full(lasting, mean), np.full(lasting, dispersion))

    def is_found(times: float) -> bool:
        drawn = _surges(np.random.default_rng(random_state), times * mean, dispersion, lasting)
        return bool(np.mean([find(counts, expected, alpha).any() for counts in drawn]) >= POWER)

    place = bisect_left(SIZES, True, key=is_found)  # What is larger is found the more often.
    return SIZES[place] if place < len(SIZES) else None


def _surges(random: np.random.Generator, mean: float, dispersion: float, lasting: int) -> np.ndarray:
    """Draw counts, of shape (DRAWN, lasting)."""
    size = 1 / max(dispersion, 1e-6)
    return np.asarray(random.poisson(random.gamma(size, mean / size, (DRAWN, lasting))))
