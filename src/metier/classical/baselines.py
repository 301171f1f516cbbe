"""The baselines: label frequencies, whatever the input."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from metier.predictors.constant import LABEL_SETS, ONE_LABEL, ConstantPredictor
from metier.progress import Listener, ignore
from metier.tasks.answer_batches import Answers
from metier.tasks.answers import LABEL, LABEL_SET, AnswerKind
from metier.tasks.estimators import Classifier, LabelSetMethod
from metier.tasks.examples import Examples
from metier.tasks.inputs import read_any
from metier.tasks.method_contract import Capabilities, CostRank


class LabelShares:
    """Counts labels; stands before one of the estimators of `tasks.estimators`, which says how answers are given.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        Empty: there is nothing to choose.
    """

    name: ClassVar[str]
    answer: ClassVar[AnswerKind]
    kind: ClassVar[str]
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.BASELINE)

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Count the labels. `validation` and `listener` are not needed; every method takes them."""
        examples = self.answer.check(read_any(X), y)
        self.classes_ = examples.labels
        self.predictor_ = ConstantPredictor(
            probabilities=_shares(examples).tolist(),
            labels=[str(label) for label in self.classes_],
            name=self.name,
            kind=self.kind,
        )
        self.chosen_params_: dict[str, Any] = {}
        self.facts_ = self._facts(examples)
        return self

    def export(self, folder: Path) -> None:
        """Leave the file that `predictors.constant` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _facts(self, examples: Examples) -> dict[str, Any]:
        return {}

    def _read(self, X: Any) -> Sequence[Any]:
        return read_any(X)

    def _answer(self, items: Any) -> Any:
        return self.predictor_.predict(items)

    def _probabilities(self, items: Any) -> np.ndarray:
        return cast(Answers, self.predictor_.predict(items)).probabilities


class Majority(LabelShares, Classifier):
    """Gives every text the shares that the labels had in training: what a method must beat."""

    name = "majority.v1"
    answer, kind = LABEL, ONE_LABEL

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that good answers are not to be expected."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class LabelFrequencies(LabelShares, LabelSetMethod):
    """Gives every text the labels of more than half of the training rows: the baseline.

    Attributes
    ----------
    facts_ : dict
        `none_fraction`: share of the rows without a label, 0 to 1.
    """

    name = "label_frequencies.v1"
    answer, kind = LABEL_SET, LABEL_SETS

    def _facts(self, examples: Examples) -> dict[str, Any]:
        return {"none_fraction": float((~examples.truth.any(axis=1)).mean())}


def _shares(examples: Examples) -> np.ndarray:
    """Give the share of the rows that have each label."""
    if examples.truth.ndim == 1:
        return np.bincount(examples.truth, minlength=len(examples.labels)) / len(examples)
    return np.asarray(examples.truth.mean(axis=0))
