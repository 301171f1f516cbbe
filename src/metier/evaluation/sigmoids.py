"""From margins to probabilities where each label is answered by itself: one sigmoid a label (Platt, 1999).

Few labels have enough true rows for two numbers of their own. Each label's fit is drawn towards the one over all
labels together by a normal prior, so that a rare label keeps the common sigmoid and a frequent one has its own.
"""

import numpy as np
from scipy.special import expit

from metier.errors import EmptyDataError

NEWTON_STEPS = 50
# Inverse variance of slope (as a multiple of the common one) and offset around the common sigmoid.
PULL = 1.0
LARGEST_STEP = 2.0


def fit_sigmoids(margins: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find slopes and offsets such that sigmoid(slope * margin + offset) is likeliest.

    Parameters
    ----------
    margins : ndarray of shape (n_rows, n_labels)
        Of rows that were not trained on.
    truth : ndarray of bool of shape (n_rows, n_labels)

    Returns
    -------
    slopes, offsets : ndarray of float64 of shape (n_labels,)
        Slopes are positive: a sigmoid never turns the order of rows around.
    """
    margins, truth = np.asarray(margins, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if len(margins) == 0:
        raise EmptyDataError("There are no rows to calibrate on. Give at least one row with its labels.")
    scale = max(float(np.abs(margins).mean()), 1e-9)
    scaled = margins / scale
    common = _newton(scaled.reshape(-1, 1), truth.reshape(-1, 1), np.array([1.0, 0.0]), pull=1e-3)[0]
    common[0] = max(common[0], 1e-3)
    own = _newton(scaled, truth, common, pull=PULL)
    return np.maximum(own[:, 0], 1e-3) / scale, own[:, 1]


def _newton(margins: np.ndarray, truth: np.ndarray, prior: np.ndarray, *, pull: float) -> np.ndarray:
    """Give slope and offset of each column, an array of shape (n_labels, 2)."""
    weights = np.tile(prior, (margins.shape[1], 1))
    # A slope is judged relative to the common one, an offset by itself.
    strength = pull / np.array([max(prior[0], 1e-3) ** 2, 1.0])
    for _ in range(NEWTON_STEPS):
        given = expit(margins * weights[:, 0] + weights[:, 1])
        error, curve = given - truth, given * (1 - given)
        gradient = np.column_stack([(error * margins).sum(axis=0), error.sum(axis=0)]) + strength * (
            weights - prior
        )
        hessian = np.empty((len(weights), 2, 2))
        hessian[:, 0, 0] = (curve * margins**2).sum(axis=0) + strength[0]
        hessian[:, 0, 1] = hessian[:, 1, 0] = (curve * margins).sum(axis=0)
        hessian[:, 1, 1] = curve.sum(axis=0) + strength[1]
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        # Far from the valley a full step of Newton's method overshoots.
        length = np.abs(step).max(axis=1, keepdims=True)
        step *= np.minimum(1.0, LARGEST_STEP / np.maximum(length, 1e-12))
        weights -= step
        if float(np.abs(step).max()) < 1e-9:
            break
    return weights
