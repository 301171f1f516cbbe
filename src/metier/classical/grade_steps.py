"""One logistic regression for each step between neighbouring grades."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from metier.classical.learners import LinearModel, Setting, TrainingRows

MODELS = ("shared", "separate")
STRENGTHS = (30.0, 300.0)  # Weak: rows are vectors of length about 1, and log-loss still fell at 300.
MOST_STEPS = 200
# Cut points are columns of this height: the larger, the less the penalty pulls on them.
CUT_HEIGHT = 10.0
NEVER = -10.0  # Logit of a step that no training row of a fold makes.


@dataclass(frozen=True)
class GradeSteps:
    """Logits of being above each grade but the highest; see `Learner`.

    Parameters
    ----------
    model : {"shared", "separate"} or None
        One direction with a cut point for each step, or a direction for each; None: to be chosen.
    C : float or None
        Inverse strength of the penalty; None: to be chosen.
    """

    model: str | None = None
    C: float | None = None

    is_random: ClassVar[bool] = False

    def settings(self, *, n_numbers: int, n_logits: int) -> Sequence[Setting]:
        """Give every pair of model and strength that agrees with what is fixed."""
        models = MODELS if self.model is None else (self.model,)
        strengths = STRENGTHS if self.C is None else (self.C,)
        return [{"model": model, "C": C} for model in models for C in strengths]

    def train(self, rows: TrainingRows, setting: Setting) -> LinearModel:
        """Fit the steps; the truth holds places of grades in their order."""
        matrix, n_logits = rows.matrix, rows.n_logits
        above = rows.truth[:, None] > np.arange(n_logits)
        if setting["model"] == "separate":
            steps = [_fit_step(matrix, own, C=setting["C"]) for own in above.T]
            return LinearModel(
                np.column_stack([step[0] for step in steps]), np.array([step[1] for step in steps])
            )
        cuts = csr_matrix(np.kron(np.eye(n_logits), np.full((len(above), 1), CUT_HEIGHT)))
        repeated = hstack([vstack([matrix] * n_logits), cuts], format="csr")
        # Each row counts once a step, so the penalty is to count as often.
        found, _ = _logistic(repeated, above.T.ravel(), C=setting["C"] / n_logits, has_bias=False)
        shared = np.tile(found[: matrix.shape[1], None], (1, n_logits))
        return LinearModel(shared, found[matrix.shape[1] :] * CUT_HEIGHT)


def _fit_step(matrix: csr_matrix, is_above: np.ndarray, *, C: float) -> tuple[np.ndarray, float]:
    if is_above.all() or not is_above.any():
        return np.zeros(matrix.shape[1]), -NEVER if is_above.all() else NEVER
    return _logistic(matrix, is_above, C=C, has_bias=True)


def _logistic(
    matrix: csr_matrix, is_above: np.ndarray, *, C: float, has_bias: bool
) -> tuple[np.ndarray, float]:
    learner = LogisticRegression(C=C, max_iter=MOST_STEPS, fit_intercept=has_bias)
    with warnings.catch_warnings():
        # The last digits of the optimum are not worth a word: held-out rows judge what came of it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        learner.fit(matrix, is_above)
    return learner.coef_[0], float(np.ravel(learner.intercept_)[0])
