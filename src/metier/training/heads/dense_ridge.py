"""A linear head on vectors for a number: ridge regression, its scaling folded into the weights."""

import numpy as np
from sklearn.linear_model import Ridge


def fit_dense_ridge(vectors: np.ndarray, truth: np.ndarray, *, penalty: float) -> tuple[np.ndarray, float]:
    """Fit ridge regression on standardised vectors and fold the scaling in: weight of shape (size,), and bias.

    Parameters
    ----------
    penalty : float
        Strength a row: rows are many or few, the balance stays.
    """
    mean, scale = vectors.mean(axis=0, dtype=np.float64), vectors.std(axis=0, dtype=np.float64)
    # Some encoders have dimensions that never move; stretching their noise to size 1 would teach it.
    scale = np.where(scale > 1e-4 * scale.max(), scale, np.inf)
    learner = Ridge(alpha=penalty * len(truth)).fit((vectors - mean) / scale, truth)
    weight = learner.coef_ / scale
    return weight, float(learner.intercept_ - weight @ mean)
