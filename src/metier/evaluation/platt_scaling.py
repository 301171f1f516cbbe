"""Platt scaling [1]_: from scores to the probability of being correct, by logistic regression on held-out rows.

`fit_sigmoids` fits one sigmoid for each label of a label set. Few labels have enough positive rows for two parameters.
A normal prior shrinks the fit of each label towards the common fit of all labels, so that a rare label keeps the common
sigmoid and a frequent one has its own.

References
----------
.. [1] Platt, "Probabilistic outputs for support vector machines", 1999.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from metier.errors import EmptyDataError

# Fewer rows of either outcome say nothing about chances.
FEWEST_OF_OUTCOME = 10
PRIOR_ROWS = 1.0  # Weight of the belief in slope 1 and intercept 0, in rows.
NEWTON_STEPS = 50
# Inverse variance of slope (as a multiple of the common one) and offset around the common sigmoid.
PRIOR_STRENGTH = 1.0
LARGEST_STEP = 2.0


def fit_logistic(features: np.ndarray, outcome: np.ndarray) -> tuple[float, ...] | None:
    """Fit the weight of each feature and a bias, whose sum is the log-odds of an outcome.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
    outcome : ndarray of bool of shape (n_rows,)

    Returns
    -------
    tuple of float or None
        The weights, then the bias; None where an outcome has too few rows.
    """
    if min(outcome.sum(), (~outcome).sum()) < FEWEST_OF_OUTCOME:
        return None
    fitted = LogisticRegression().fit(features, outcome)
    return (*map(float, fitted.coef_[0]), float(fitted.intercept_[0]))


def fit_log_odds_line(odds: np.ndarray, correct: np.ndarray) -> tuple[float, float]:
    """Fit the line through log-odds that makes outcomes most probable, near the one that changes nothing.

    Parameters
    ----------
    odds : ndarray of float64 of shape (n_rows,)
        Log-odds as a method states them.
    correct : ndarray of float64 of shape (n_rows,)
        1 where it was correct, 0 where it was wrong.

    Returns
    -------
    slope, intercept : float
        The slope is 0 or more.
    """

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        logits = line[0] * odds + line[1]
        apart = line - np.array([1.0, 0.0])
        wrong = expit(logits) - correct
        value = np.logaddexp(0, logits).sum() - correct @ logits + PRIOR_ROWS * apart @ apart / 2
        return float(value), np.array([wrong @ odds, wrong.sum()]) + PRIOR_ROWS * apart

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)])
    return float(found.x[0]), float(found.x[1])


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
