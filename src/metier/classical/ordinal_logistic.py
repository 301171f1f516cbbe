"""Grades by the traditional features: one logistic regression for each step between neighbouring grades."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from metier.classical.linear_choice import UNFITTED_TEMPERATURE, Split, tfidf_splits
from metier.classical.linear_model import LinearModel
from metier.classical.tfidf_rows import as_matrix, learn_affordable
from metier.evaluation.calibration import log_loss
from metier.evaluation.grade_temperature import fit_grade_temperature
from metier.predictors.linear.linear import LinearPredictor
from metier.predictors.linear.ordinal_linear import OrdinalLinearPredictor
from metier.progress import Listener, Progress, ignore
from metier.tasks.estimators import Classifier
from metier.tasks.folds import held_out
from metier.tasks.graded_texts import check_grades
from metier.tasks.grading import from_cumulative
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.setting_ranges import check_ranges

MODELS = ("shared", "separate")
STRENGTHS = (30.0, 300.0)  # Weak: rows are vectors of length about 1, and log-loss still fell at 300.
MOST_STEPS = 200
# Cut points are columns of this height: the larger, the less the penalty pulls on them.
CUT_HEIGHT = 10.0
NEVER = -10.0  # Logit of a step that no training row of a fold makes.


class OrdinalLogistic(Classifier):
    """TF-IDF vectors, and for each grade the logistic regression of being above it.

    `shared` has one direction and a cut point for each step, the cumulative logit model [1]_ fitted as one binary
    regression over all thresholds [2]_; `separate` has a direction of its own for each step [3]_. Probabilities of
    grades are the differences of those of being above them.

    Parameters
    ----------
    order : sequence of str, default=None
        The grades from the lowest to the highest; None: numbers by their size, words by a scale that is known.
    model : {"shared", "separate"}, default=None
        None: whichever has the lower log-loss on validation.
    C : float, default=None
        Inverse strength of the penalty; None: chosen with the model.
    temperature : float, default=None
        What margins are divided by before the sigmoids; None: fitted on validation.
    most_ngrams : int, default=250,000
        Size of the vocabulary.
    random_state : int, default=0

    Attributes
    ----------
    classes_ : ndarray of shape (n_grades,)
        Grades in their order, which is that of the columns of `predict_proba`.
    chosen_params_ : dict
        `order`, `model`, `C` and `temperature`: what to set so that another fit needs no validation.
    facts_ : dict
        Log-loss of each model and C that was tried.

    References
    ----------
    .. [1] McCullagh, "Regression models for ordinal data", 1980.
    .. [2] Rennie and Srebro, "Loss functions for preference levels: regression with discrete ordered labels", 2005.
    .. [3] Frank and Hall, "A simple approach to ordinal classification", 2001.
    """

    name = "ordinal_logistic.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.CLASSICAL, baseline="tfidf_linear.v1")

    def __init__(
        self,
        *,
        order: Sequence[str] | None = None,
        model: str | None = None,
        C: float | None = None,
        temperature: float | None = None,
        most_ngrams: int = 250_000,
        random_state: int = 0,
    ):
        self.order = order
        self.model = model
        self.C = C
        self.temperature = temperature
        self.most_ngrams = most_ngrams
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Learn from texts and their grades, one grade a text.

        Without `validation`, a tenth of the rows (of fewer than 1,000 rows: each fifth in turn) is held out to
        choose on; the chosen model is then trained on all rows.
        """
        check_ranges(self, choices={"model": MODELS}, above_zero=("C", "temperature"), counts=("most_ngrams",))
        examples = check_grades(X, y, order=self.order)
        unseen = None if validation is None else check_grades(*validation, classes=examples.classes)
        vectors = learn_affordable(
            examples.texts, most_ngrams=self.most_ngrams, n_classes=len(examples.classes)
        )
        matrix = as_matrix(vectors, examples.texts)
        candidates = [
            (model, C)
            for model in (MODELS if self.model is None else (self.model,))
            for C in (STRENGTHS if self.C is None else (self.C,))
        ]
        self.facts_: dict[str, Any] = {}
        model, C = candidates[0]
        temperature = self.temperature or UNFITTED_TEMPERATURE
        if len(candidates) > 1 or self.temperature is None:
            if unseen is not None:
                splits = [Split(matrix, examples.truth, as_matrix(vectors, unseen.texts), unseen.truth)]
            else:
                folds = held_out(examples.truth, random=check_random_state(self.random_state))
                splits = tfidf_splits(examples, folds, most_ngrams=self.most_ngrams)
            if splits:  # There are none where every grade has one row.
                model, C, temperature = self._choose(splits, candidates, len(examples.classes), listener)
        linear = fit_steps(matrix, examples.truth, n_grades=len(examples.classes), model=model, C=C)
        self.classes_ = examples.classes
        grades = [str(grade) for grade in self.classes_]
        self.chosen_params_: dict[str, Any] = {
            "order": grades,
            "model": model,
            "C": C,
            "temperature": temperature,
        }
        self.predictor_ = OrdinalLinearPredictor(
            LinearPredictor(
                vectors=vectors,
                weights=linear.weights,
                bias=linear.bias,
                temperature=temperature,
                labels=grades,
                name=self.name,
            )
        )
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.linear.ordinal_linear` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _probabilities(self, texts: Sequence[str]) -> np.ndarray:
        return self.predictor_.probabilities(texts)

    def _choose(
        self,
        splits: Sequence[Split],
        candidates: Sequence[tuple[str, float]],
        n_grades: int,
        listener: Listener,
    ) -> tuple[str, float, float]:
        """Give model, C and temperature of the lowest log-loss on the held-out rows of all splits together."""
        trials = {}
        for number, (model, C) in enumerate(candidates):
            what = f"{self.name}: trying {model}, C = {C:g}"
            listener(Progress(what, number, len(candidates), unit="candidates"))
            margins = [
                fit_steps(split.matrix, split.truth, n_grades=n_grades, model=model, C=C).margins(
                    split.held_matrix
                )
                for split in splits
            ]
            pooled, truth = np.concatenate(margins), np.concatenate([split.held_truth for split in splits])
            fitted = self.temperature or fit_grade_temperature(pooled, truth, probabilities=from_cumulative)
            trials[model, C] = log_loss(from_cumulative(pooled / fitted), truth), fitted
        best = min(trials, key=lambda candidate: trials[candidate][0])
        self.facts_["log_loss_by_model"] = {
            f"{model}, C = {C:g}": loss for (model, C), (loss, _) in trials.items()
        }
        return *best, trials[best][1]


def fit_steps(matrix: csr_matrix, truth: np.ndarray, *, n_grades: int, model: str, C: float) -> LinearModel:
    """Fit the margins of being above each grade but the highest.

    Parameters
    ----------
    matrix : csr_matrix of shape (n_rows, n_columns)
    truth : ndarray of int of shape (n_rows,)
        Places of grades in their order.
    n_grades : int
    model : {"shared", "separate"}
    C : float
        Inverse strength of the penalty.

    Returns
    -------
    LinearModel
        Of n_grades - 1 columns.
    """
    above = truth[:, None] > np.arange(n_grades - 1)
    if model == "separate":
        steps = [_fit_step(matrix, own, C=C) for own in above.T]
        return LinearModel(np.column_stack([step[0] for step in steps]), np.array([step[1] for step in steps]))
    n_rows, n_steps = above.shape
    cuts = csr_matrix(np.kron(np.eye(n_steps), np.full((n_rows, 1), CUT_HEIGHT)))
    repeated = hstack([vstack([matrix] * n_steps), cuts], format="csr")
    # Each row counts once a step, so the penalty is to count as often.
    weights, _ = _logistic(repeated, above.T.ravel(), C=C / n_steps, has_bias=False)
    shared = np.tile(weights[: matrix.shape[1], None], (1, n_steps))
    return LinearModel(shared, weights[matrix.shape[1] :] * CUT_HEIGHT)


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
