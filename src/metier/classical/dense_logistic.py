"""Logistic regression on a few dense numbers a row, its strength and temperature chosen on held-out rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from metier.evaluation.calibration import fit_temperature, log_loss
from metier.evaluation.softmax import softmax

GRID = (0.01, 0.1, 1.0, 10.0)  # Of numbers that are scaled to a spread of 1.
MOST_STEPS = 1_000


@dataclass(frozen=True)
class DenseHead:
    """Margins of numbers x are x @ weights + bias.

    Parameters
    ----------
    weights : ndarray of float64 of shape (n_features, n_classes)
    bias : ndarray of float64 of shape (n_classes,)
    """

    weights: np.ndarray
    bias: np.ndarray

    def margins(self, features: np.ndarray) -> np.ndarray:
        """Give the margins of some rows, an ndarray of shape (n_rows, n_classes)."""
        return features @ self.weights + self.bias


@dataclass(frozen=True)
class DenseSplit:
    """Numbers to train on and numbers to judge by, with the classes of both."""

    features: np.ndarray
    truth: np.ndarray
    held_features: np.ndarray
    held_truth: np.ndarray


def fit_dense(features: np.ndarray, truth: np.ndarray, *, C: float) -> DenseHead:
    """Fit the regression on standardised numbers and fold the scaling into its weights."""
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-9, scale, np.inf)  # What never moves has nothing to say.
    learner = LogisticRegression(C=C, max_iter=MOST_STEPS).fit((features - mean) / scale, truth)
    weights, bias = learner.coef_.T, learner.intercept_
    if weights.shape[1] == 1:
        # Two classes come as one margin; half of it on either side keeps its softmax a sigmoid.
        weights, bias = np.hstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    weights = weights / scale[:, None]
    return DenseHead(weights, bias - mean @ weights)


def choose_dense(
    splits: Sequence[DenseSplit], *, C: float | None, temperature: float | None
) -> tuple[float, float, float]:
    """Give the C and the temperature of the lowest held-out log-loss over all splits together, and that loss."""
    return min(
        (_score(splits, candidate, temperature) for candidate in (GRID if C is None else (C,))),
        key=lambda trial: trial[2],
    )


def _score(splits: Sequence[DenseSplit], C: float, temperature: float | None) -> tuple[float, float, float]:
    margins = np.concatenate(
        [fit_dense(split.features, split.truth, C=C).margins(split.held_features) for split in splits]
    )
    truth = np.concatenate([split.held_truth for split in splits])
    fitted = temperature or fit_temperature(margins, truth)
    return C, fitted, log_loss(softmax(margins / fitted), truth)
