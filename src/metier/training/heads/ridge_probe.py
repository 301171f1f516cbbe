"""The ridge regression that a regression head starts from, and the scaling of its targets."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge

from metier.tasks.examples import Examples
from metier.training.heads.standardisation import standardisation

# Strengths of the penalty of the head's start a row, for standardised vectors. Vectors of two texts read as one
# hardly differ between pairs, and a head that stretches their noise comes apart as soon as the encoder moves.
GRID = (0.1, 1.0, 10.0, 100.0)
UNFITTED_C = 0.1


@dataclass(frozen=True)
class Unit:
    """Scores of mean 0 and spread 1, whatever their own unit.

    Parameters
    ----------
    shift, scale : float
        Mean and spread of the scores that were learned.
    """

    shift: float
    scale: float

    def standardised(self, examples: Examples) -> Examples:
        """Give examples whose scores are in this unit."""
        soft = None if examples.soft is None else (examples.soft - self.shift) / self.scale
        return replace(examples, truth=(examples.truth - self.shift) / self.scale, soft=soft)

    def restored(self, numbers: np.ndarray) -> np.ndarray:
        """Give numbers in the scores' own unit."""
        return numbers * self.scale + self.shift


@dataclass(frozen=True)
class RidgeStart:
    """Ridge regression, whose penalty is 1 / C a row."""

    def unit(self, examples: Examples) -> Unit:
        """Give the unit in which scores are learned."""
        return Unit(float(examples.truth.mean()), float(examples.truth.std()))

    def solve(self, known: Any, held: Any, settings: Any) -> tuple[float, np.ndarray, np.ndarray]:
        """Give C, weight and bias; C is chosen on held-out rows unless it is set."""
        truth, C = _targets(known[0]), settings.C or UNFITTED_C
        if settings.C is None and held is not None:
            errors = {}
            for penalty in GRID:
                weight, bias = fit_dense_ridge(known[1], truth, penalty=penalty)
                errors[1 / penalty] = float(np.square(held[1] @ weight + bias - _targets(held[0])).mean())
            C = min(errors, key=lambda candidate: errors[candidate])
        weight, bias = fit_dense_ridge(known[1], truth, penalty=1 / C)
        return C, weight[None, :], np.array([bias])


def _targets(examples: Examples) -> np.ndarray:
    return np.asarray(examples.truth, dtype=np.float32)


def fit_dense_ridge(
    vectors: np.ndarray, truth: np.ndarray, *, penalty: float, factors: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Fit ridge regression on standardised vectors and fold the scaling in: weight of shape (size,), and bias.

    Parameters
    ----------
    penalty : float
        Strength a row: rows are many or few, the balance stays.
    factors : ndarray of shape (size,), optional
        What standardised vectors are multiplied by, so that the penalty holds some numbers back less; None: 1.
    """
    mean, scale = standardisation(vectors, factors)
    learner = Ridge(alpha=penalty * len(truth)).fit((vectors - mean) / scale, truth)
    weight = learner.coef_ / scale
    return weight, float(learner.intercept_ - weight @ mean)
