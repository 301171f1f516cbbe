"""Elastic weight consolidation: `elastic_weights.v1`."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np

from metier.continual.update.methods.method import Lesson
from metier.continual.update.methods.naive import Naive
from metier.continual.update.softmax_regression import Anchor, Kept
from metier.evaluation.softmax import softmax

STRENGTH = 1.0


class ElasticWeights(Naive):
    """Holds each weight near its old value by how much it mattered to the old rows (EWC [1]_).

    Needs no old rows: their Fisher information was summed when they were learned. A weight of a label that is in no new
    row still moves, as the new labels' gain is its loss; with labels that come one after the other it forgets.

    References
    ----------
    .. [1] Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", 2017, arXiv:1612.00796. One
       importance for all earlier rows, as in its online form (Schwarz et al., 2018, arXiv:1805.06370).
    """

    name: ClassVar[str] = "elastic_weights.v1"

    def __init__(self, *, strength: float = STRENGTH):
        self.strength = strength

    def fit(self, rows: Lesson, *, n_labels: int) -> Self:
        """Learn the first rows, and what mattered to them."""
        super().fit(rows, n_labels=n_labels)
        self.importance_ = self._fisher(rows)
        return self

    def relabelled(self, sources: Sequence[tuple[int, ...]]) -> Self:
        """Change the labels; a merged one matters as much as its parts together."""
        found = np.zeros((len(self.importance_), len(sources)))
        for label, olds in enumerate(sources):
            found[:, label] = self.importance_[:, list(olds)].sum(axis=1)
        self.importance_ = found
        return super().relabelled(sources)

    def update(self, rows: Lesson, *, old: Lesson | None = None) -> Self:
        """Learn further rows near the old head."""
        known = self.counts_.sum()
        strength = self.strength * known / len(rows)
        self._learn(rows, Kept(anchor=Anchor(self.head_.parameters, self.importance_, strength)))
        share = len(rows) / (known + len(rows))
        self.importance_ = (1 - share) * self.importance_ + share * self._fisher(rows)
        return self

    def _fisher(self, rows: Lesson) -> np.ndarray:
        """Give the diagonal of the Fisher information a row, of shape (n_features + 1, n_labels)."""
        features = self.scaling_(rows.features)
        probabilities = softmax(self.head_.logits(features))
        spread = probabilities * (1 - probabilities)
        return np.vstack([(features**2).T @ spread, spread.sum(axis=0)]) / len(rows)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Head and importance."""
        return {**super().arrays, "importance": self.importance_.astype(np.float32)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Read what `arrays` gave."""
        found = super().of_arrays(arrays)
        found.importance_ = arrays["importance"].astype(np.float64)
        return found
