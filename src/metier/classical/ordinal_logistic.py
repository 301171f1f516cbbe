"""Grades by the traditional features: one logistic regression for each step between neighbouring grades."""

from typing import Any, ClassVar

from metier.classical.grade_steps import GradeSteps
from metier.classical.learned_tfidf import LearnedTfidf
from metier.classical.linear_estimator import LinearEstimator
from metier.classical.linear_method import LinearFit, LinearMethod
from metier.classical.linear_settings import OrdinalLogisticSettings
from metier.tasks.answers import CUMULATIVE_GRADE
from metier.tasks.estimators import Classifier
from metier.tasks.examples import Examples
from metier.tasks.inputs import TEXT
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings


@with_settings(OrdinalLogisticSettings)
class OrdinalLogistic(LinearEstimator, Classifier):
    """TF-IDF vectors, and for each grade the logistic regression of being above it.

    `shared` has one direction and a cut point for each step, the cumulative logit model [1]_ fitted as one binary
    regression over all thresholds [2]_; `separate` has a direction of its own for each step [3]_. Probabilities of
    grades are the differences of those of being above them.

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
    input, answer = TEXT, CUMULATIVE_GRADE

    def _check(self, items: Any, y: Any) -> Examples:
        return CUMULATIVE_GRADE.check(items, y, order=self.order)

    def _method(self, examples: Examples) -> LinearMethod:
        given = {"temperature": self.temperature}
        return LinearMethod(
            LearnedTfidf(self.most_ngrams), GradeSteps(self.model, self.C), CUMULATIVE_GRADE, given
        )

    def _facts(self, found: LinearFit) -> dict[str, Any]:
        losses = {
            f"{trial.setting['model']}, C = {trial.setting['C']:g}": trial.figures["log_loss"]
            for trial in found.trials
        }
        return {"log_loss_by_model": losses} if losses else {}
