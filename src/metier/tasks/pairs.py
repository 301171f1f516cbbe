"""Old place of pairs, and old form of checked ones, until the last caller uses `inputs.pair` and `answers.label`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.tasks.answers.label import LABEL
from metier.tasks.examples import Examples
from metier.tasks.inputs.pair import SIDES, Pair, as_items, as_pairs

__all__ = ["SIDES", "Pair", "PairExamples", "as_items", "as_pairs", "check_pairs"]


@dataclass(frozen=True)
class PairExamples:
    """Pairs with their labels as numbers."""

    pairs: list[Pair]
    truth: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def labels(self) -> np.ndarray:
        """The label of each pair."""
        labels: np.ndarray = self.classes[self.truth]
        return labels

    @property
    def texts(self) -> list[str]:
        """Both sides of every pair, one after the other."""
        return [text for pair in self.pairs for text in pair]

    def take(self, positions: np.ndarray) -> "PairExamples":
        """The examples at these positions, in this order."""
        return PairExamples([self.pairs[place] for place in positions], self.truth[positions], self.classes)


def check_pairs(X: Any, y: Any, *, classes: np.ndarray | None = None) -> PairExamples:
    """Check the pairs and labels that `fit` was handed, and number the labels."""
    found = LABEL.check(as_pairs(X), y, known=None if classes is None else Examples((), (), classes))
    return PairExamples(list(found.items), found.truth, found.labels)
