"""The floor: how often a label came up, whatever the text says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from metier.predictors.constant import ConstantPredictor
from metier.progress import Listener, ignore
from metier.tasks.estimators import Classifier
from metier.tasks.examples import check_examples
from metier.tasks.method_contract import Capabilities, CostRank


class Majority(Classifier):
    """Gives every text the shares that the labels had in training: what a method must beat.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        Empty: there is nothing to choose.
    """

    name = "majority.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.BASELINE)

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that `X` is a list of texts, and that good answers are not to be expected."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.classifier_tags.poor_score = True
        return tags

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Count the labels. `validation` and `listener` are not needed; every method takes them."""
        examples = check_examples(X, y)
        self.classes_ = examples.classes
        shares = np.bincount(examples.truth, minlength=len(examples.classes)) / len(examples)
        self.predictor_ = ConstantPredictor(
            probabilities=shares.tolist(), labels=[str(label) for label in self.classes_], name=self.name
        )
        self.chosen_params_: dict[str, Any] = {}
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.constant` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _probabilities(self, texts: Sequence[str]) -> np.ndarray:
        return self.predictor_.predict(texts).probabilities
