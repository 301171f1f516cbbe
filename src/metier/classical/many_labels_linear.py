"""Sets of labels by the traditional pipeline: TF-IDF vectors, a linear model a label, a threshold a label."""

from typing import Any, ClassVar

from metier.classical.learned_tfidf import MOST_NUMBERS, LearnedTfidf
from metier.classical.learners import OneVsRest, SvcOrLogistic
from metier.classical.linear_estimator import LinearEstimator
from metier.classical.linear_method import Figures, LinearFit, LinearMethod
from metier.classical.linear_settings import ManyLabelsLinearSettings
from metier.tasks.answers import LABEL_SET
from metier.tasks.estimators import LabelSetMethod
from metier.tasks.examples import Examples
from metier.tasks.inputs import TEXT
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings


@with_settings(ManyLabelsLinearSettings)
class ManyLabelsLinear(LinearEstimator, LabelSetMethod):
    """Word and character n-grams weighted by TF-IDF, then a linear model a label [1]_.

    Trains in seconds and answers in a tenth of a millisecond. Logits become probabilities by a sigmoid a label, and
    a label is answered from the probability on that gave the best F1 on rows the model has not seen; rare labels
    borrow both from all labels together, see `evaluation.platt_scaling` and `tasks.answers.label_thresholds`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        `model`, `C` and `rule`: what to set so that another fit needs no validation.
    trials_ : list of dict
        Every pair of model and C that was tried, with its micro-F1.
    facts_ : dict
        Rows that were trained on.

    References
    ----------
    .. [1] Tsoumakas and Katakis, "Multi-label classification: an overview", 2007 (binary relevance).
    """

    name = "many_labels_linear.v1"
    capabilities: ClassVar[Capabilities] = Capabilities()
    input, answer = TEXT, LABEL_SET

    def _method(self, examples: Examples) -> LinearMethod:
        return LinearMethod(
            LearnedTfidf(self.most_ngrams, most_numbers=MOST_NUMBERS),
            OneVsRest(SvcOrLogistic(self.model, self.C)),
            LABEL_SET,
            {"rule": self.rule},
            by_micro_f1,
        )

    def _facts(self, found: LinearFit) -> dict[str, Any]:
        return {"n_rows_used": len(found.examples), "n_labels": len(found.examples.labels)}


def by_micro_f1(figures: Figures) -> tuple[float, ...]:
    """Compare settings by the F1 of the sets that are answered, all rows and labels together."""
    return (figures["micro_f1"],)
