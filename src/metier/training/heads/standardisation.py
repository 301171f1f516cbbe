"""Vectors brought to one scale before a penalised head is fitted on them."""

import numpy as np

SMALLEST_SPREAD = 1e-4  # Of the largest one.


def standardisation(vectors: np.ndarray, factors: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Give the mean of each dimension and what it is divided by, each an ndarray of float64 of shape (size,).

    Parameters
    ----------
    vectors : ndarray of shape (n_rows, size)
    factors : ndarray of shape (size,), optional
        What standardised numbers are multiplied by: a penalty holds a larger one back less. None: 1.
    """
    mean, scale = vectors.mean(axis=0, dtype=np.float64), vectors.std(axis=0, dtype=np.float64)
    # Some encoders have dimensions that never move; stretching their noise to size 1 would teach it.
    scale = np.where(scale > SMALLEST_SPREAD * scale.max(), scale, np.inf)
    return mean, scale if factors is None else scale / factors
