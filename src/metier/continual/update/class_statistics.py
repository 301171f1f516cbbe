"""What streaming methods keep of rows: how many of each label, their mean, and the scatter around it.

Sums are exact in whatever order and parts the rows come (Chan, Golub and LeVeque, 1983), so nothing is forgotten by them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class ClassStatistics:
    """Counts, means and the pooled scatter within labels.

    Parameters
    ----------
    counts : ndarray of float64 of shape (n_labels,)
    means : ndarray of float64 of shape (n_labels, n_features)
    scatter : ndarray of float64 of shape (n_features, n_features), or (n_features,) where only its diagonal is kept
        Sum over all rows of (row - mean of its label) times its transpose.
    """

    counts: np.ndarray
    means: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of_nothing(cls, n_labels: int, n_features: int, *, is_diagonal: bool) -> Self:
        """Give the statistics of no rows."""
        shape = (n_features,) if is_diagonal else (n_features, n_features)
        return cls(np.zeros(n_labels), np.zeros((n_labels, n_features)), np.zeros(shape))

    def with_rows(self, features: np.ndarray, y: np.ndarray) -> Self:
        """Add rows of known labels, numbered 0 to n_labels - 1."""
        counts, means = self.counts.copy(), self.means.copy()
        centred, apart = np.array(features, dtype=np.float32), list[np.ndarray]()
        for label in np.unique(y):
            own = y == label
            centre, n_rows = features[own].mean(axis=0, dtype=np.float64), int(own.sum())
            centred[own] -= centre.astype(np.float32)
            both = counts[label] + n_rows
            apart.append((centre - means[label]) * np.sqrt(counts[label] * n_rows / both))
            means[label] += (centre - means[label]) * n_rows / both
            counts[label] = both
        # One product of all rows: a label at a time would go through the sums as often as there are labels.
        scatter = self.scatter + self._scatter_of(centred) + self._scatter_of(np.array(apart))
        return type(self)(counts, means, scatter)

    def relabelled(self, sources: Sequence[tuple[int, ...]]) -> Self:
        """Give the statistics of other labels: of each, the old ones that went into it.

        Merging is exact. What goes nowhere takes its rows along; their scatter stays, as it is of all labels.
        """
        n_features = self.means.shape[1]
        found = self.of_nothing(len(sources), n_features, is_diagonal=self.scatter.ndim == 1)
        counts, means, scatter = found.counts, found.means, self.scatter.copy()
        for label, olds in enumerate(sources):
            for old in olds:
                both = counts[label] + self.counts[old]
                if not both:
                    continue
                apart = self.means[old] - means[label]
                scatter += self._scatter_of(apart[None, :] * np.sqrt(counts[label] * self.counts[old] / both))
                means[label] = means[label] + apart * self.counts[old] / both
                counts[label] = both
        return type(self)(counts, means, scatter)

    def covariance(self) -> np.ndarray:
        """Give the pooled covariance within labels, or its diagonal."""
        return np.asarray(self.scatter / max(self.counts.sum() - np.count_nonzero(self.counts), 1.0))

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What is kept in a file."""
        return {
            "counts": self.counts,
            "means": self.means.astype(np.float32),
            "scatter": self.scatter.astype(np.float32),
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Read what `arrays` gave."""
        return cls(*(arrays[name].astype(np.float64) for name in ("counts", "means", "scatter")))

    def _scatter_of(self, rows: np.ndarray) -> np.ndarray:
        if self.scatter.ndim == 1:
            return np.asarray((rows**2).sum(axis=0))
        return np.asarray(rows.T @ rows)
