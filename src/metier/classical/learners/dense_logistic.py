"""Logistic regression on a few dense numbers a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from sklearn.linear_model import LogisticRegression

from metier.classical.learners.learner import LinearModel, Setting, spread_of, two_sided

STRENGTHS = (1.0, 0.01, 0.1, 10.0)  # Of numbers that are scaled to a spread of 1.
MOST_STEPS = 1_000


@dataclass(frozen=True)
class DenseLogistic:
    """Logistic regression on standardised numbers, the scaling folded into its weights; see `Learner`.

    Parameters
    ----------
    C : float or None
        Inverse strength of the penalty; None: to be chosen.
    """

    C: float | None = None

    is_random: ClassVar[bool] = False

    def settings(self, *, n_numbers: int, n_logits: int) -> Sequence[Setting]:
        """Give the strengths to try."""
        return [{"C": C} for C in (STRENGTHS if self.C is None else (self.C,))]

    def train(
        self,
        matrix: np.ndarray,
        truth: np.ndarray,
        setting: Setting,
        *,
        n_logits: int,
        seed: int,
        weights: np.ndarray | None = None,
    ) -> LinearModel:
        """Fit the regression."""
        mean, scale = spread_of(matrix)
        learner = LogisticRegression(C=setting["C"], max_iter=MOST_STEPS)
        learner.fit((matrix - mean) / scale, truth, sample_weight=weights)
        fitted = two_sided(learner.coef_.T, learner.intercept_)
        scaled = fitted.weights / scale[:, None]
        return LinearModel(scaled, fitted.bias - mean @ scaled)
