"""Platt scaling per label (Platt, 1999): one sigmoid from logits to probabilities for each label of a label set.

Few labels have enough positive rows for two parameters. A normal prior shrinks the fit of each label towards the
common fit of all labels, so that a rare label keeps the common sigmoid and a frequent one has its own.
"""

import numpy as np
from scipy.special import expit

from metier.errors import EmptyDataError

NEWTON_STEPS = 50
# Inverse variance of slope (as a multiple of the common one) and offset around the common sigmoid.
PRIOR_STRENGTH = 1.0
LARGEST_STEP = 2.0


def fit_sigmoids(logits: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find slopes and offsets such that sigmoid(slope * logit + offset) is most likely.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_labels)
        Of held-out rows.
    truth : ndarray of bool of shape (n_rows, n_labels)

    Returns
    -------
    slopes, offsets : ndarray of float64 of shape (n_labels,)
        Slopes are positive: a sigmoid keeps the order of rows.
    """
    logits, truth = np.asarray(logits, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if len(logits) == 0:
        raise EmptyDataError("There are no rows to calibrate on. Give at least one row with its labels.")
    scale = max(float(np.abs(logits).mean()), 1e-9)
    scaled = logits / scale
    common = _newton(scaled.reshape(-1, 1), truth.reshape(-1, 1), np.array([1.0, 0.0]), prior_strength=1e-3)[0]
    common[0] = max(common[0], 1e-3)
    own = _newton(scaled, truth, common, prior_strength=PRIOR_STRENGTH)
    return np.maximum(own[:, 0], 1e-3) / scale, own[:, 1]


def _newton(logits: np.ndarray, truth: np.ndarray, prior: np.ndarray, *, prior_strength: float) -> np.ndarray:
    """Give slope and offset of each column, an array of shape (n_labels, 2)."""
    weights = np.tile(prior, (logits.shape[1], 1))
    # The prior of a slope is relative to the common slope, that of an offset absolute.
    strength = prior_strength / np.array([max(prior[0], 1e-3) ** 2, 1.0])
    for _ in range(NEWTON_STEPS):
        given = expit(logits * weights[:, 0] + weights[:, 1])
        error, curve = given - truth, given * (1 - given)
        gradient = np.column_stack([(error * logits).sum(axis=0), error.sum(axis=0)]) + strength * (
            weights - prior
        )
        hessian = np.empty((len(weights), 2, 2))
        hessian[:, 0, 0] = (curve * logits**2).sum(axis=0) + strength[0]
        hessian[:, 0, 1] = hessian[:, 1, 0] = (curve * logits).sum(axis=0)
        hessian[:, 1, 1] = curve.sum(axis=0) + strength[1]
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        # Far from the minimum a full Newton step overshoots.
        length = np.abs(step).max(axis=1, keepdims=True)
        step *= np.minimum(1.0, LARGEST_STEP / np.maximum(length, 1e-12))
        weights -= step
        if float(np.abs(step).max()) < 1e-9:
            break
    return weights
