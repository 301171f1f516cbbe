"""The floor: how often a label came up, whatever the text says."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from metier.predictors.constant import ConstantPredictor
from metier.progress import Listener, ignore
from metier.tasks.examples import check_examples
from metier.text.given_texts import as_texts


class Majority(ClassifierMixin, BaseEstimator):
    """Gives every text the shares that the labels had in training: what a method must beat.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        Empty: there is nothing to choose.
    """

    name = "majority.v1"

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

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of each label for each text, an ndarray of shape (n_texts, n_classes)."""
        check_is_fitted(self)
        return self.predictor_.predict(as_texts(X)).probabilities

    def predict(self, X: Any) -> np.ndarray:
        """Give the commonest label for each text."""
        probabilities = self.predict_proba(X)  # First: it says when nothing was fitted.
        return self.classes_[probabilities.argmax(axis=1)]

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.constant` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)
