"""The floor of many labels: the labels that more than half of the rows had, whatever the text says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from metier.predictors.answers import LabelSetAnswers
from metier.predictors.constant_labels import ConstantLabelsPredictor
from metier.progress import Listener, ignore
from metier.tasks.estimators import LabelSetMethod
from metier.tasks.label_sets import check_label_sets
from metier.tasks.method_contract import Capabilities, CostRank


class LabelFrequencies(LabelSetMethod):
    """Gives every text the labels that more than half of the training rows had: what a method must beat.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        Empty: there is nothing to choose.
    """

    name = "label_frequencies.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.BASELINE)

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Count the labels. `validation` and `listener` are not needed; every method takes them."""
        examples = check_label_sets(X, y)
        self.classes_ = np.array(examples.labels)
        shares = examples.truth.mean(axis=0)
        self.predictor_ = ConstantLabelsPredictor(
            probabilities=shares.tolist(), labels=examples.labels, name=self.name
        )
        self.chosen_params_: dict[str, Any] = {}
        self.facts_: dict[str, Any] = {"none_fraction": float((~examples.truth.any(axis=1)).mean())}
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.constant_labels` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _answer(self, texts: Sequence[str]) -> LabelSetAnswers:
        return self.predictor_.predict(texts)
