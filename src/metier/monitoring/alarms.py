"""How large a surge is, with an interval, and how large one would have to be to be found."""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from metier.monitoring.signals.detectors import Detector, raised
from metier.monitoring.signals.expected_counts import Expected

POWER = 0.8  # Probability of being found that a surge must have not to count as missed.
DRAWN = 100  # Surges of each size.
SIZES = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0)
LASTING = 7


@dataclass(frozen=True)
class Size:
    """How many times as many messages there are as expected, with the 95 % interval."""

    observed: int
    expected: float
    times: float
    low: float
    high: float


def size_of(observed: int, expected: float, variance: float) -> Size:
    """Give the size of a surge, by gamma quantiles [1]_ of counts that vary more than Poisson's.

    Parameters
    ----------
    observed : int
    expected, variance : float
        Mean and variance of what was expected in all of its periods.

    References
    ----------
    .. [1] Garwood, "Fiducial limits for the Poisson distribution", 1936.
    """
    mean = max(expected, 1e-9)
    overdispersion = max(variance / mean, 1.0)
    effective, scale = observed / overdispersion, overdispersion / mean
    low = float(gammaincinv(effective, 0.025)) * scale if effective > 0 else 0.0
    return Size(observed, expected, observed / mean, low, float(gammaincinv(effective + 1, 0.975)) * scale)


def smallest_found(
    find: Detector,
    mean: float,
    dispersion: float,
    alpha: float,
    *,
    learned: np.ndarray | None = None,
    lasting: int = LASTING,
    random_state: int = 0,
) -> float | None:
    """Give how many times as many messages a surge must bring to be found with a probability of 80 %, by simulation.

    Parameters
    ----------
    find : Detector
    mean, dispersion : float
        Expected of each period.
    alpha : float
        Probability of a false alarm in a period.
    learned : ndarray of shape (find.memory,), optional
        What the detector remembers of the series.
    lasting : int
        Periods of the surge.

    Returns
    -------
    float or None
        One of `SIZES`; None: not even the largest is found so often.
    """
    expected = Expected(np.full((DRAWN, lasting), mean), np.full((DRAWN, lasting), dispersion))

    def is_found(times: float) -> bool:
        drawn = _surges(np.random.default_rng(random_state), times * mean, dispersion, lasting)
        return bool(raised(find, drawn, expected, alpha, learned=learned).any(axis=1).mean() >= POWER)

    place = bisect_left(SIZES, True, key=is_found)  # What is larger is found the more often.
    return SIZES[place] if place < len(SIZES) else None


def _surges(random: np.random.Generator, mean: float, dispersion: float, lasting: int) -> np.ndarray:
    """Draw counts, of shape (DRAWN, lasting)."""
    size = 1 / max(dispersion, 1e-6)
    return np.asarray(random.poisson(random.gamma(size, mean / size, (DRAWN, lasting))))
