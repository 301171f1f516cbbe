"""Ridge regression over sparse vectors or a few dense numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import issparse
from sklearn.linear_model import Ridge

from metier.classical.learners.learner import LinearModel, Setting, spread_of

ALPHAS = (1.0, 0.1, 0.3, 3.0, 10.0, 30.0)
TOLERANCE = 1e-5  # Of the solver, relative: a thousandth of what neighbouring alphas differ by.


@dataclass(frozen=True)
class RidgeRegression:
    """Least squares with a penalty on the weights; see `Learner`.

    Parameters
    ----------
    alpha : float or None
        Strength of the penalty; None: to be chosen.
    """

    alpha: float | None = None

    is_random: ClassVar[bool] = False

    def settings(self, *, n_numbers: int, n_logits: int) -> Sequence[Setting]:
        """Give the strengths to try."""
        return [{"alpha": alpha} for alpha in (ALPHAS if self.alpha is None else (self.alpha,))]

    def train(
        self,
        matrix: Any,
        truth: np.ndarray,
        setting: Setting,
        *,
        n_logits: int,
        seed: int,
        weights: np.ndarray | None = None,
    ) -> LinearModel:
        """Fit the regression; dense numbers are scaled to a spread of 1 first, and the scaling is folded in."""
        if issparse(matrix):
            learner = Ridge(alpha=setting["alpha"], solver="sparse_cg", tol=TOLERANCE)
            learner.fit(matrix, truth, sample_weight=weights)
            return LinearModel(learner.coef_[:, None], np.array([learner.intercept_]))
        mean, scale = spread_of(matrix)
        learner = Ridge(alpha=setting["alpha"]).fit((matrix - mean) / scale, truth, sample_weight=weights)
        scaled = learner.coef_[:, None] / scale[:, None]
        return LinearModel(scaled, np.array([learner.intercept_]) - mean @ scaled)
