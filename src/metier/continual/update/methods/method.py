"""The contract of methods that learn new rows and keep what was known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from metier.continual.update.softmax_regression import Head
from metier.features.random_maps import FeatureMap


class Needs(StrEnum):
    """What a method has to be given of the old rows when it learns new ones."""

    NOTHING = "nothing"  # What it keeps of its own is enough.
    SOME = "some"  # A few of them: the replay store.
    ALL = "all"


@dataclass(frozen=True)
class Lesson:
    """Rows that are learned.

    Parameters
    ----------
    features : ndarray of float32 of shape (n_rows, n_features)
    y : ndarray of int of shape (n_rows,)
        Columns of their labels.
    weights : ndarray of shape (n_rows,), optional
        How many rows each stands for; None: itself.
    """

    features: Any
    y: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: np.ndarray) -> "Lesson":
        """Some of the rows."""
        weights = None if self.weights is None else self.weights[rows]
        return Lesson(self.features[rows], self.y[rows], weights)


class UpdateMethod(Protocol):
    """Learns rows, then others, and answers both by a linear head on mapped features."""

    name: ClassVar[str]
    needs: ClassVar[Needs]

    def fit(self, rows: Lesson, *, n_labels: int) -> Self:
        """Learn the first rows."""
        ...

    def relabelled(self, sources: Sequence[tuple[int, ...]]) -> Self:
        """Change the labels: of each new column, the old columns that went into it."""
        ...

    def update(self, rows: Lesson, *, old: Lesson | None = None) -> Self:
        """Learn further rows; `old` are those that the method needs."""
        ...

    def head(self) -> tuple[FeatureMap, Head]:
        """Give what answers."""
        ...

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What a later update goes on with."""
        ...

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Read what `arrays` gave."""
        ...
