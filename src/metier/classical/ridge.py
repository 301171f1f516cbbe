"""Scores by the traditional features and ridge regression."""

from typing import Any, ClassVar

from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from metier.classical.learned_pairs import LearnedPairs
from metier.classical.learned_tfidf import LearnedTfidf
from metier.classical.learners import RidgeRegression
from metier.classical.linear_estimator import LinearEstimator
from metier.classical.linear_method import LinearFit, LinearMethod
from metier.classical.linear_settings import RidgeSettings
from metier.tasks.answers import SCORE
from metier.tasks.estimators import TextMethod
from metier.tasks.examples import Examples
from metier.tasks.inputs import PAIR, TEXT_OR_PAIR
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings


@with_settings(RidgeSettings)
class TfidfRidge(RegressorMixin, LinearEstimator, TextMethod):
    """TF-IDF vectors and ridge regression [1]_; for pairs what the two texts share, counted, instead.

    Trains in seconds and answers in a tenth of a millisecond. Each answer has an interval around it whose width
    comes from rows the model has not seen (split conformal prediction, see `evaluation.conformal.half_width`).

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
    capabilities: ClassVar[Capabilities] = Capabilities(takes_soft_labels=True)
    input, answer = TEXT_OR_PAIR, SCORE

    def predict(self, X: Any) -> list[float]:
        """Give the score of each item; raises `NotFittedError` before `fit`."""
        check_is_fitted(self)
        scores: list[float] = self.predictor_.logits(self.input.read(X))[:, 0].tolist()
        return scores

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
