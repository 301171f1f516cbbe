"""Streaming linear discriminant analysis on frozen features: `streaming_lda.v1`."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np

from metier.continual.update.class_statistics import ClassStatistics
from metier.continual.update.methods.method import Lesson, Needs
from metier.continual.update.softmax_regression import Head
from metier.features.random_maps import MAPS, FeatureMap, Identity

SHRINKAGE = 0.02


class StreamingLda:
    """A mean a label and one covariance of all, both exact sums [1]_: the order of the rows makes no difference.

    Needs no old rows. The baseline to fear: nothing is forgotten but what a new label takes over. All labels count the
    same, however many rows they have.

    References
    ----------
    .. [1] Hayes and Kanan, "Lifelong machine learning with deep streaming linear discriminant analysis", 2020,
       arXiv:1909.01520. There the covariance is updated row by row; here the sums are exact.
    """

    name: ClassVar[str] = "streaming_lda.v1"
    needs: ClassVar[Needs] = Needs.NOTHING
    is_diagonal: ClassVar[bool] = False

    def __init__(self, *, shrinkage: float = SHRINKAGE, random_state: int = 0):
        self.shrinkage = shrinkage
        self.random_state = random_state

    def fit(self, rows: Lesson, *, n_labels: int) -> Self:
        """Learn the first rows."""
        self.map_ = self._drawn(rows)
        mapped = self.map_(rows.features)
        empty = ClassStatistics.of_nothing(n_labels, mapped.shape[1], is_diagonal=self.is_diagonal)
        self.statistics_ = empty.with_rows(mapped, rows.y)
        return self

    def relabelled(self, sources: Sequence[tuple[int, ...]]) -> Self:
        """Change the labels; merging is exact."""
        self.statistics_ = self.statistics_.relabelled(sources)
        return self

    def update(self, rows: Lesson, *, old: Lesson | None = None) -> Self:
        """Add further rows to the sums."""
        self.statistics_ = self.statistics_.with_rows(self.map_(rows.features), rows.y)
        return self

    def head(self) -> tuple[FeatureMap, Head]:
        """Give the discriminant functions: the inverse covariance times the means."""
        covariance, means = self.statistics_.covariance(), self.statistics_.means
        spread = float(np.trace(covariance)) / len(covariance) or 1.0
        shrunk = (1 - self.shrinkage) * covariance
        shrunk.flat[:: len(shrunk) + 1] += self.shrinkage * spread
        weight = np.linalg.solve(shrunk, means.T)
        return self.map_, self._closed(Head(weight, -0.5 * np.einsum("dl,ld->l", weight, means)))

    def _closed(self, head: Head) -> Head:
        """Let labels of no rows never be answered."""
        return Head(head.weight, np.where(self.statistics_.counts > 0, head.bias, -1e9))

    def _drawn(self, rows: Lesson) -> FeatureMap:
        return Identity()

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Sums and the map."""
        return {**self.statistics_.arrays, **kept_map(self.map_)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Read what `arrays` gave."""
        found = cls()
        found.map_, found.statistics_ = read_map(arrays), ClassStatistics.of_arrays(arrays)
        return found


def kept_map(found: FeatureMap) -> dict[str, np.ndarray]:
    """Give the arrays of a map, its kind as the number of it in the table of maps."""
    return {"map": np.array([list(MAPS).index(found.kind)]), **found.arrays}


def read_map(arrays: Mapping[str, np.ndarray]) -> FeatureMap:
    """Read what `kept_map` gave."""
    kind = list(MAPS)[int(arrays["map"][0])]
    return MAPS[kind].of_arrays(arrays)
