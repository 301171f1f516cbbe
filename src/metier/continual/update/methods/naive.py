"""New rows alone: `naive.v1`, the lower bound; and the head that the methods beside it fit otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from metier.continual.update.methods.method import Lesson, Needs
from metier.continual.update.softmax_regression import NOTHING, Head, Kept, fit_softmax
from metier.features.random_maps import FeatureMap, Identity

SMALLEST_SHARE = 0.1  # Of the mean spread: what hardly varies is not blown up.
PENALTY_OF_A_ROW = 100.0  # The penalty is this over the number of rows known so far, on numbers of variance 1.


@dataclass(frozen=True)
class Scaling:
    """Features of mean 0 and variance 1.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_features,)
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Self:
        """Take the first rows' mean and spread."""
        rows = features.astype(np.float64)
        spread = rows.std(axis=0)
        return cls(rows.mean(axis=0), np.maximum(spread, SMALLEST_SHARE * float(spread.mean()) or 1.0))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Scale rows."""
        return np.asarray((features - self.mean) / self.scale, dtype=np.float32)

    def undone(self, head: Head) -> Head:
        """Give the head on the features as they were."""
        weight = head.weight / self.scale[:, None]
        return Head(weight, head.bias - self.mean @ weight)


class Naive:
    """Multinomial logistic regression that goes on with new rows alone.

    What it forgets is the lower bound that every other method is shown beside.
    """

    name: ClassVar[str] = "naive.v1"
    needs: ClassVar[Needs] = Needs.NOTHING

    def fit(self, rows: Lesson, *, n_labels: int) -> Self:
        """Learn the first rows."""
        self.scaling_ = Scaling.of(rows.features)
        self.counts_ = np.zeros(n_labels)
        self.head_ = Head.of_zeros(rows.features.shape[1], n_labels)
        self._learn(rows, NOTHING)
        return self

    def relabelled(self, sources: Sequence[tuple[int, ...]]) -> Self:
        """Change the labels: a merged one begins with the mean of its parts, a new one with nothing."""
        found, counts = Head.of_zeros(len(self.head_.weight), len(sources)), np.zeros(len(sources))
        for label, olds in enumerate(sources):
            if olds:
                shares = self.counts_[list(olds)] + 1e-9
                shares = shares / shares.sum()
                found.weight[:, label] = self.head_.weight[:, list(olds)] @ shares
                found.bias[label] = self.head_.bias[list(olds)] @ shares + np.log(len(olds))
                counts[label] = self.counts_[list(olds)].sum()
        self.head_, self.counts_ = found, counts
        return self

    def update(self, rows: Lesson, *, old: Lesson | None = None) -> Self:
        """Learn further rows."""
        self._learn(rows, NOTHING)
        return self

    def head(self) -> tuple[FeatureMap, Head]:
        """Give what answers."""
        found = self.scaling_.undone(self.head_)
        return Identity(), Head(found.weight, np.where(self.counts_ > 0, found.bias, -1e9))

    def _learn(self, rows: Lesson, kept: Kept, *, beside: Lesson | None = None) -> None:
        """Fit the head to rows, and others beside them that were counted before."""
        self.counts_ = self.counts_ + np.bincount(rows.y, minlength=len(self.counts_))
        features, y, weights = self.scaling_(rows.features), rows.y, rows.weights
        if beside is not None and len(beside):
            features = np.vstack([features, self.scaling_(beside.features)])
            weights = np.concatenate([_weights(rows), _weights(beside)])
            y = np.concatenate([y, beside.y])
        penalty = PENALTY_OF_A_ROW / max(self.counts_.sum(), 1.0)
        self.head_ = fit_softmax(features, y, self.head_, weights=weights, penalty=penalty, kept=kept)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Head, scaling and counts."""
        return {
            "weight": self.head_.weight.astype(np.float32),
            "bias": self.head_.bias,
            "mean": self.scaling_.mean,
            "scale": self.scaling_.scale,
            "counts": self.counts_,
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Read what `arrays` gave."""
        found = cls()
        found.head_ = Head(arrays["weight"].astype(np.float64), arrays["bias"])
        found.scaling_, found.counts_ = Scaling(arrays["mean"], arrays["scale"]), arrays["counts"]
        return found


def _weights(rows: Lesson) -> np.ndarray:
    return np.ones(len(rows)) if rows.weights is None else rows.weights
