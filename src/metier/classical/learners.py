"""Ways to learn weights from features: linear classifiers and ridge regression; what each of them is, a `Learner`."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC

MODELS = ("svc", "logistic")
# In the order of how often each won in trials: where work is much, only the first are tried.
CANDIDATES = (("svc", 1.0), ("logistic", 10.0), ("svc", 0.3), ("svc", 3.0))
# Numbers in the matrix times classes, over all candidates: about twenty seconds on one core.
MOST_WORK = 300_000_000
# Ten passes of stochastic gradients and no more: on 9,000 rows of 77 labels the tenth was the best on validation
# rows in both accuracy and log-loss, and the exact optimum takes many times as long.
LOGISTIC_PASSES = 10
CONSTANT_LOGIT = 1.0  # Of a label that all rows have, or none.
STRENGTHS = (1.0, 0.01, 0.1, 10.0)  # Of numbers that are scaled to a spread of 1.
MOST_STEPS = 1_000
ALPHAS = (1.0, 0.1, 0.3, 3.0, 10.0, 30.0)
TOLERANCE = 1e-5  # Of the solver, relative: a thousandth of what neighbouring alphas differ by.

Setting = Mapping[str, Any]


@dataclass(frozen=True)
class LinearModel:
    """Logits of features x are x @ weights + bias.

    Parameters
    ----------
    weights : ndarray of shape (n_columns, n_logits)
    bias : ndarray of float64 of shape (n_logits,)
    """

    weights: np.ndarray
    bias: np.ndarray

    def logits(self, matrix: Any) -> np.ndarray:
        """Give the logits of some rows, an ndarray of shape (n_rows, n_logits)."""
        return np.asarray(matrix @ self.weights) + self.bias


@dataclass(frozen=True)
class TrainingRows:
    """What weights are learned from.

    Parameters
    ----------
    matrix : csr_matrix or ndarray of shape (n_rows, n_columns)
    truth : ndarray of n_rows
        As the answer kind has it.
    n_logits : int
    seed : int
        Of a solver that draws.
    weights : ndarray of shape (n_rows,), optional
        How much each row counts; None: all alike.
    """

    matrix: Any
    truth: np.ndarray
    n_logits: int
    seed: int = 0
    weights: np.ndarray | None = None


class Learner(Protocol):
    """Learns weights from features, by one of some settings.

    Attributes
    ----------
    is_random : bool
        Whether the seed matters.
    """

    is_random: ClassVar[bool]

    def settings(self, *, n_numbers: int, n_logits: int) -> Sequence[Setting]:
        """Give the settings worth trying, the one to take untried first.

        Parameters
        ----------
        n_numbers : int
            Numbers in the training matrix that are not zero.
        """
        ...

    def train(self, rows: TrainingRows, setting: Setting) -> LinearModel:
        """Learn from features and their truth."""
        ...


def two_sided(weights: np.ndarray, bias: np.ndarray) -> LinearModel:
    """Give a model with a column for each class; two classes come as one column.

    Half of it on either side keeps the softmax of both a sigmoid.
    """
    if weights.shape[1] > 1:
        return LinearModel(weights, bias)
    return LinearModel(np.hstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2)


def spread_of(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give mean and scale of each column of dense numbers; a column that never moves has an infinite scale."""
    mean, scale = matrix.mean(axis=0), matrix.std(axis=0)
    return mean, np.where(scale > 1e-9, scale, np.inf)


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

    def train(self, rows: TrainingRows, setting: Setting) -> LinearModel:
        """Train one of the two; every class from 0 up must be in `truth`."""
        if setting["model"] == "svc":
            if rows.n_logits > 2 and issparse(rows.matrix) and rows.matrix.nnz * rows.n_logits > MOST_WORK:
                return _svc_of_each_label(rows, setting["C"])
            learner = LinearSVC(C=setting["C"], random_state=rows.seed)
        else:
            # A tolerance that is never met: the passes are the stopping rule.
            learner = LogisticRegression(
                C=setting["C"], solver="saga", max_iter=LOGISTIC_PASSES, tol=1e-12, random_state=rows.seed
            )
        with warnings.catch_warnings():
            # Stopping early is meant here, and validation judges what came of it.
            warnings.simplefilter("ignore", ConvergenceWarning)
            learner.fit(rows.matrix, rows.truth, sample_weight=rows.weights)
        return two_sided(learner.coef_.T, learner.intercept_)


def _svc_of_each_label(rows: TrainingRows, C: float) -> LinearModel:
    """Train one model a label in a call of its own: with many rows and labels this takes half the time of one call.

    The weights are in single precision: of millions of columns they take the memory.
    """
    matrix = rows.matrix.astype(np.float64)
    weights = np.zeros((matrix.shape[1], rows.n_logits), dtype=np.float32)
    bias = np.zeros(rows.n_logits)
    for label in range(rows.n_logits):
        learner = LinearSVC(C=C, random_state=rows.seed)
        learner.fit(matrix, rows.truth == label, sample_weight=rows.weights)
        weights[:, label], bias[label] = learner.coef_[0], learner.intercept_[0]
    return LinearModel(weights, bias)


@dataclass(frozen=True)
class OneVsRest:
    """A model for each label of sets; see `Learner`.

    Parameters
    ----------
    each : SvcOrLogistic
        What tells rows with a label from those without it.
    """

    each: SvcOrLogistic

    is_random: ClassVar[bool] = True

    def settings(self, *, n_numbers: int, n_logits: int) -> Sequence[Setting]:
        """Give the settings of each label's model."""
        return self.each.settings(n_numbers=n_numbers, n_logits=n_logits)

    def train(self, rows: TrainingRows, setting: Setting) -> LinearModel:
        """Train one model a label; its logit is above 0 where the label is likelier than not.

        The truth is an ndarray of bool of shape (n_rows, n_labels).
        """
        columns = np.zeros((rows.matrix.shape[1], rows.n_logits), dtype=np.float32)
        bias = np.zeros(rows.n_logits)
        for column, own in enumerate(rows.truth.astype(np.int64).T):
            if own.min() == own.max():
                bias[column] = CONSTANT_LOGIT if own[0] else -CONSTANT_LOGIT
                continue
            trained = self.each.train(replace(rows, truth=own, n_logits=2), setting)
            columns[:, column] = trained.weights[:, 1] - trained.weights[:, 0]
            bias[column] = trained.bias[1] - trained.bias[0]
        return LinearModel(columns, bias)


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

    def train(self, rows: TrainingRows, setting: Setting) -> LinearModel:
        """Fit the regression."""
        mean, scale = spread_of(rows.matrix)
        learner = LogisticRegression(C=setting["C"], max_iter=MOST_STEPS)
        learner.fit((rows.matrix - mean) / scale, rows.truth, sample_weight=rows.weights)
        fitted = two_sided(learner.coef_.T, learner.intercept_)
        scaled = fitted.weights / scale[:, None]
        return LinearModel(scaled, fitted.bias - mean @ scaled)


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

    def train(self, rows: TrainingRows, setting: Setting) -> LinearModel:
        """Fit the regression; dense numbers are scaled to a spread of 1 first, and the scaling is folded in."""
        matrix, weights = rows.matrix, rows.weights
        if issparse(matrix):
            learner = Ridge(alpha=setting["alpha"], solver="sparse_cg", tol=TOLERANCE)
            learner.fit(matrix, rows.truth, sample_weight=weights)
            return LinearModel(learner.coef_[:, None], np.array([learner.intercept_]))
        mean, scale = spread_of(matrix)
        learner = Ridge(alpha=setting["alpha"]).fit((matrix - mean) / scale, rows.truth, sample_weight=weights)
        scaled = learner.coef_[:, None] / scale[:, None]
        return LinearModel(scaled, np.array([learner.intercept_]) - mean @ scaled)
