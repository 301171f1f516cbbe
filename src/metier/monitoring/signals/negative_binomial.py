"""Tails of the negative binomial distribution, by its mean and dispersion: counts that vary more than Poisson's.

The variance is mean + dispersion * mean ** 2; a dispersion of 0 is Poisson's distribution.
"""

import numpy as np
from scipy.special import betainc, gammainc, gammaln

LEAST = 1e-9


def tail(counts: np.ndarray, mean: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    """Give the probability of so many or more, elementwise; 1 for a count of 0."""
    x, mean, dispersion = np.broadcast_arrays(
        *(np.asarray(one, dtype=np.float64) for one in (counts, mean, dispersion))
    )
    size = 1 / np.maximum(dispersion, LEAST)
    at_least_one = np.maximum(x, 1)
    spread = betainc(at_least_one, size, mean / (mean + size))
    poisson = gammainc(at_least_one, np.maximum(mean, LEAST))
    return np.where(x <= 0, 1.0, np.where(dispersion > 1e-6, spread, poisson))


def log_likelihood(counts: np.ndarray, mean: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    """Give the logarithm of the probability of each count."""
    size, mean = 1 / np.maximum(dispersion, 1e-6), np.maximum(mean, LEAST)
    return np.asarray(
        gammaln(counts + size)
        - gammaln(size)
        - gammaln(counts + 1)
        + size * np.log(size / (size + mean))
        + counts * np.log(mean / (size + mean))
    )
