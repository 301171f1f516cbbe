"""Scores by the traditional features and ridge regression."""

from typing import Any, ClassVar

from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from metier.classical.learned_pairs import LearnedPairs
from metier.classical.learned_tfidf import LearnedTfidf
from metier.classical.learners.ridge_regression import RidgeRegression
from metier.classical.linear_estimator import LinearEstimator
from metier.classical.linear_method import LinearFit, LinearMethod
from metier.tasks.answers import SCORE
from metier.tasks.estimators import TextMethod
from metier.tasks.examples import Examples
from metier.tasks.inputs import PAIR, TEXT_OR_PAIR
from metier.tasks.method_contract import Capabilities
from metier.tasks.setting_ranges import check_ranges


class TfidfRidge(RegressorMixin, LinearEstimator, TextMethod):
    """TF-IDF vectors and ridge regression [1]_; for pairs what the two texts share, counted, instead.

    Trains in seconds and answers in a tenth of a millisecond. Each answer has an interval around it whose width
    comes from rows the model has not seen (split conformal prediction, see `evaluation.conformal.half_width`).

    Parameters
    ----------
    alpha : float, default=None
        Strength of the penalty; None: chosen by squared error on validation.
    half_width : float, default=None
        Half the width of an answer's interval, in units of the score; None: from errors on validation.
    coverage : float, default=0.9
        Share of answers whose truth is to lie in the interval, above 0 and below 1.
    most_ngrams : int, default=250,000
        Size of the vocabulary.
    random_state : int, default=0

    Attributes
    ----------
    chosen_params_ : dict
        `alpha` and `half_width`: what to set so that another fit needs no validation.
    facts_ : dict
        Error on held-out rows, for each alpha that was tried.

    References
    ----------
    .. [1] Hoerl and Kennard, "Ridge regression: biased estimation for nonorthogonal problems", 1970.
    """

    name = "ridge.v1"
    capabilities: ClassVar[Capabilities] = Capabilities()
    input, answer = TEXT_OR_PAIR, SCORE

    def __init__(
        self,
        *,
        alpha: float | None = None,
        half_width: float | None = None,
        coverage: float = 0.9,
        most_ngrams: int = 250_000,
        random_state: int = 0,
    ):
        self.alpha = alpha
        self.half_width = half_width
        self.coverage = coverage
        self.most_ngrams = most_ngrams
        self.random_state = random_state

    def predict(self, X: Any) -> list[float]:
        """Give the score of each item; raises `NotFittedError` before `fit`."""
        check_is_fitted(self)
        scores: list[float] = self.predictor_.logits(self.input.read(X))[:, 0].tolist()
        return scores

    def _check_settings(self) -> None:
        more = []
        if not 0 < self.coverage < 1:
            more.append(f"coverage is {self.coverage!r}, expected a number above 0 and below 1")
        check_ranges(self, above_zero=("alpha", "half_width"), counts=("most_ngrams",), more=more)

    def _method(self, examples: Examples) -> LinearMethod:
        are_pairs = TEXT_OR_PAIR.of(examples.items[0]) is PAIR
        features = (
            LearnedPairs(self.most_ngrams) if are_pairs else LearnedTfidf(self.most_ngrams, counts_once=True)
        )
        given = {"half_width": self.half_width, "coverage": self.coverage}
        return LinearMethod(features, RidgeRegression(self.alpha), SCORE, given)

    def _facts(self, found: LinearFit) -> dict[str, Any]:
        if not found.trials:
            return {}
        squared = {str(trial.setting["alpha"]): -trial.figures["score"] for trial in found.trials}
        return {"squared_error_by_alpha": squared, "held_out_rows": found.n_held_rows}
