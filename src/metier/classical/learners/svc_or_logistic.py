"""A linear support vector machine or logistic regression over sparse vectors of one label each."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from metier.classical.learners.learner import LinearModel, Setting, two_sided

MODELS = ("svc", "logistic")
# In the order of how often each won in trials: where work is much, only the first are tried.
CANDIDATES = (("svc", 1.0), ("logistic", 10.0), ("svc", 0.3), ("svc", 3.0))
# Numbers in the matrix times classes, over all candidates: about twenty seconds on one core.
MOST_WORK = 300_000_000
# Ten passes of stochastic gradients and no more: on 9,000 rows of 77 labels the tenth was the best on validation
# rows in both accuracy and log-loss, and the exact optimum takes many times as long.
LOGISTIC_PASSES = 10


@dataclass(frozen=True)
class SvcOrLogistic:
    """Whichever of the two, and whichever C, is better; see `Learner`.

    Parameters
    ----------
    model : {"svc", "logistic"} or None
        None: to be chosen.
    C : float or None
        Inverse strength of the penalty; None: to be chosen.
    """

    model: str | None = None
    C: float | None = None

    is_random: ClassVar[bool] = True

    def settings(self, *, n_numbers: int, n_logits: int) -> Sequence[Setting]:
        """Give the pairs of model and C that agree with what is fixed, as many as `MOST_WORK` allows.

        The limit counts work, not seconds, so that the choice is the same on a busy machine.
        """
        pairs = list(CANDIDATES) if self.C is None else [(each, self.C) for each in MODELS]
        fitting = [{"model": model, "C": C} for model, C in pairs if self.model in (None, model)]
        work = max(1, n_numbers) * (1 if n_logits == 2 else n_logits)
        return fitting[: max(1, MOST_WORK // work)]

    def train(
        self,
        matrix: csr_matrix,
        truth: np.ndarray,
        setting: Setting,
        *,
        n_logits: int,
        seed: int,
        weights: np.ndarray | None = None,
    ) -> LinearModel:
        """Train one of the two; every class from 0 up must be in `truth`."""
        if setting["model"] == "svc":
            learner = LinearSVC(C=setting["C"], random_state=seed)
        else:
            # A tolerance that is never met: the passes are the stopping rule.
            learner = LogisticRegression(
                C=setting["C"], solver="saga", max_iter=LOGISTIC_PASSES, tol=1e-12, random_state=seed
            )
        with warnings.catch_warnings():
            # Stopping early is meant here, and validation judges what came of it.
            warnings.simplefilter("ignore", ConvergenceWarning)
            learner.fit(matrix, truth, sample_weight=weights)
        return two_sided(learner.coef_.T, learner.intercept_)
