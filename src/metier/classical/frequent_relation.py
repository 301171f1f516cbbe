"""The baseline of relations between known entities: what the same phrases had in training, else the same types."""

from collections import Counter, defaultdict
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from metier.predictors.text.relation_counts import RelationCountsPredictor, count_keys
from metier.progress import Listener, ignore
from metier.tasks.answers import RELATION
from metier.tasks.estimators import Classifier
from metier.tasks.inputs.marked_text import as_entity_pairs
from metier.tasks.method_contract import Capabilities

MOST_PHRASE_PAIRS = 100_000  # Those of the most rows are remembered.


class FrequentRelation(Classifier):
    """The relation that the two phrases had most often in training, else that of their types in this order.

    It reads no word between them: what a method must beat to have read anything.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        Empty: there is nothing to choose.
    facts_ : dict
        `phrase_pairs`: how many pairs of phrases are remembered.
    """

    name = "frequent_relation.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(tasks=("relation",))

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that `X` is a list of marked texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = False
        tags.input_tags.dict = True
        return tags

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Count the relations. `validation` and `listener` are not needed; every method takes them."""
        examples = RELATION.check(as_entity_pairs(X), y)
        self.classes_ = examples.labels
        counts: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(self.classes_)))
        rows: Counter[str] = Counter()
        for item, label in zip(examples.items, examples.truth, strict=True):
            keys = count_keys(item)
            rows[keys[-1]] += 1
            for key in keys:
                counts[key][label] += 1
        left_out = {key for key, _ in rows.most_common()[MOST_PHRASE_PAIRS:]}
        self.predictor_ = RelationCountsPredictor(
            counts={key: own.tolist() for key, own in counts.items() if key not in left_out},
            labels=examples.label_names,
            name=self.name,
        )
        self.chosen_params_: dict[str, Any] = {}
        self.facts_ = {"phrase_pairs": len(rows) - len(left_out)}
        return self

    def export(self, folder: Any) -> None:
        """Leave the file that `predictors.text.relation_counts` answers from."""
        check_is_fitted(self)
        self.predictor_.save(folder)

    def _read(self, X: Any) -> Any:
        return as_entity_pairs(X)

    def _probabilities(self, items: Any) -> np.ndarray:
        return self.predictor_.predict(items).probabilities
