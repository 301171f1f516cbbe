"""Scores of how little a question suits any label of a model: the higher, the less.

Each is fitted on the evidence of rows with their labels, and leaves arrays that a bundle can carry. The floor is how little
probability the answer has [1]_. The energy takes the logits as they are, before the softmax hides how small all of them
are [2]_. In the space of a network's vectors: the distance to the nearest label's mean by the covariance that all labels
share [3]_, the cosine distance to the nearest training rows [4]_, and the distance to a label's centre in units of that
label's own radius [5]_ (there the radius is learned by gradient descent; where centres are fixed its loss is least at a
median, and here the radius is a quantile, shrunk towards that of all labels where a label has few rows).

References
----------
.. [1] Hendrycks and Gimpel, "A baseline for detecting misclassified and out-of-distribution examples", 2017.
.. [2] Liu et al., "Energy-based out-of-distribution detection", 2020.
.. [3] Lee et al., "A simple unified framework for detecting out-of-distribution samples and adversarial attacks", 2018.
.. [4] Sun et al., "Out-of-distribution detection with deep nearest neighbors", 2022.
.. [5] Zhang, Xu and Lin, "Deep open intent classification with adaptive decision boundary", 2021.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy import sparse
from scipy.special import logsumexp

from metier.predictors.evidence import Evidence

Arrays = dict[str, np.ndarray]

NEIGHBOURS = 5  # The distance is the mean to so many training rows; fewer where fewer are kept.
MOST_KEPT = 5_000  # Training rows whose vectors a bundle carries.
SHRINKAGE = 0.05  # Of the shared covariance towards the same variance in each direction.
RADIUS_QUANTILE = 0.8
PRIOR_ROWS = 10  # A label's own radius counts as many rows as it has, the common one so many.
ROWS_AT_ONCE = 1_024  # Bounds the memory of distances to thousands of rows.


class ScopeScore(Protocol):
    """A way to score."""

    def suits(self, evidence: Evidence) -> bool:
        """Whether the evidence has what it takes."""
        ...

    def fit(self, evidence: Evidence, truth: np.ndarray) -> Arrays:
        """Learn from rows and the positions of their labels, int of shape (n_rows,); each label has a row or more."""
        ...

    def scores(self, evidence: Evidence, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Give the score of each row, float64 of shape (n_rows,)."""
        ...


class MaxProbability:
    """One minus the probability of the answer."""

    def suits(self, evidence: Evidence) -> bool:
        """Whether the evidence has what it takes: every answer has a probability."""
        return True

    def fit(self, evidence: Evidence, truth: np.ndarray) -> Arrays:
        """Nothing is learned."""
        return {}

    def scores(self, evidence: Evidence, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Give the score of each row."""
        return np.asarray(1.0 - evidence.probabilities.max(axis=1), dtype=np.float64)


class Energy:
    """Minus the logarithm of the sum of the exponentials of the logits, which are divided by the temperature."""

    def suits(self, evidence: Evidence) -> bool:
        """Whether there are logits."""
        return evidence.logits is not None

    def fit(self, evidence: Evidence, truth: np.ndarray) -> Arrays:
        """Nothing is learned."""
        return {}

    def scores(self, evidence: Evidence, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Give the score of each row."""
        return np.asarray(-logsumexp(np.asarray(evidence.logits, dtype=np.float64), axis=1))


class Mahalanobis:
    """The squared distance to the nearest mean, in the space where the shared covariance is that of a unit sphere."""

    def suits(self, evidence: Evidence) -> bool:
        """Whether there are dense vectors."""
        return isinstance(evidence.vectors, np.ndarray)

    def fit(self, evidence: Evidence, truth: np.ndarray) -> Arrays:
        """Keep the map into that space, and the means there."""
        vectors = np.asarray(evidence.vectors, dtype=np.float64)
        means = _means(vectors, truth)
        apart = vectors - means[truth]
        covariance = apart.T @ apart / len(apart)
        size = len(covariance)
        covariance += SHRINKAGE * (np.trace(covariance) / size + 1e-12) * np.eye(size)
        values, directions = np.linalg.eigh(covariance)
        into = (directions / np.sqrt(values)).astype(np.float32)
        return {"into": into, "means": (means @ into).astype(np.float32)}

    def scores(self, evidence: Evidence, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Give the score of each row."""
        there = np.asarray(evidence.vectors, dtype=np.float32) @ arrays["into"]
        return _squared_distances(there, arrays["means"]).min(axis=1).astype(np.float64)


class Nearest:
    """The mean cosine distance to the nearest training rows; of thousands of rows evenly spaced ones are kept."""

    def suits(self, evidence: Evidence) -> bool:
        """Whether there are vectors, dense or sparse."""
        return evidence.vectors is not None

    def fit(self, evidence: Evidence, truth: np.ndarray) -> Arrays:
        """Keep the directions of training rows, as many of each label as the others have."""
        vectors = _unit(evidence.vectors[_evenly(truth, MOST_KEPT)])
        if not sparse.issparse(vectors):
            return {"kept": vectors.astype(np.float16)}
        by_column = sparse.csc_array(vectors)
        return {
            "kept_values": by_column.data.astype(np.float32), "kept_rows": by_column.indices.astype(np.int32),
            "kept_starts": by_column.indptr.astype(np.int64), "kept_shape": np.array(by_column.shape, dtype=np.int64),
        }  # fmt: skip

    def scores(self, evidence: Evidence, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Give the score of each row."""
        kept = arrays["kept"].astype(np.float32) if "kept" in arrays else _sparse_of(arrays)
        found = [
            self._of_some(evidence.vectors[start : start + ROWS_AT_ONCE], kept)
            for start in range(0, len(evidence), ROWS_AT_ONCE)
        ]
        return np.concatenate([np.empty(0), *found])

    @staticmethod
    def _of_some(vectors: Any, kept: Any) -> np.ndarray:
        alike = _unit(vectors) @ kept.T
        alike = alike.toarray() if sparse.issparse(alike) else alike
        k = min(NEIGHBOURS, alike.shape[1])
        nearest = np.partition(alike, alike.shape[1] - k, axis=1)[:, -k:]
        return np.asarray(1.0 - nearest.mean(axis=1), dtype=np.float64)


class Boundary:
    """The least distance to a label's centre, as a multiple of that label's radius."""

    def suits(self, evidence: Evidence) -> bool:
        """Whether there are dense vectors."""
        return isinstance(evidence.vectors, np.ndarray)

    def fit(self, evidence: Evidence, truth: np.ndarray) -> Arrays:
        """Keep each label's centre and radius."""
        vectors = np.asarray(_unit(evidence.vectors), dtype=np.float64)
        centres = _means(vectors, truth)
        distances = np.linalg.norm(vectors - centres[truth], axis=1)
        common = max(float(np.quantile(distances, RADIUS_QUANTILE)), 1e-6)
        radii = np.empty(len(centres))
        for label in range(len(centres)):
            own = distances[truth == label]
            radii[label] = (len(own) * np.quantile(own, RADIUS_QUANTILE) + PRIOR_ROWS * common) / (
                len(own) + PRIOR_ROWS
            )
        return {"centres": centres.astype(np.float32), "radii": radii.astype(np.float32)}

    def scores(self, evidence: Evidence, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Give the score of each row."""
        squared = _squared_distances(np.asarray(_unit(evidence.vectors), dtype=np.float32), arrays["centres"])
        return (np.sqrt(np.maximum(squared, 0)) / arrays["radii"]).min(axis=1).astype(np.float64)


class Combined:
    """The mean of energy, nearest rows and boundary, each in units of its spread on held-out rows.

    What one of them overlooks another sees: of networks it was the best or nearly the best of all wherever it was
    measured (docs/out_of_scope.md).
    """

    parts: ClassVar[Mapping[str, ScopeScore]] = {
        "energy": Energy(),
        "nearest": Nearest(),
        "boundary": Boundary(),
    }

    def suits(self, evidence: Evidence) -> bool:
        """Whether all of the parts suit: there are logits, and vectors of a network."""
        return all(part.suits(evidence) for part in self.parts.values())

    def fit(self, evidence: Evidence, truth: np.ndarray) -> Arrays:
        """Fit the parts; what they are scaled by comes from held-out rows, see `scales`."""
        return {
            f"{name}.{key}": array
            for name, part in self.parts.items()
            for key, array in part.fit(evidence, truth).items()
        }

    def scales(self, held_out: Evidence, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Give the median of each part's scores, and how far the upper twentieth is above it: of shape (n_parts, 2)."""
        found = []
        for own in self._scores(held_out, arrays):
            middle, high = np.quantile(own, [0.5, 0.95])
            found.append((middle, max(high - middle, 1e-9)))
        return np.array(found)

    def scores(self, evidence: Evidence, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Give the score of each row; `arrays` also hold `scales`."""
        middle, spread = arrays["scales"].T
        return np.asarray(((self._scores(evidence, arrays).T - middle) / spread).mean(axis=1))

    def _scores(self, evidence: Evidence, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        return np.array(
            [
                part.scores(evidence, {key.removeprefix(f"{name}."): array for key, array in arrays.items()})
                for name, part in self.parts.items()
            ]
        )


SCOPE_SCORES: dict[str, ScopeScore] = {
    "max_probability": MaxProbability(),
    "energy": Energy(),
    "mahalanobis": Mahalanobis(),
    "nearest": Nearest(),
    "boundary": Boundary(),
    "combined": Combined(),
}


def _means(vectors: np.ndarray, truth: np.ndarray) -> np.ndarray:
    sums = np.zeros((int(truth.max()) + 1, vectors.shape[1]))
    np.add.at(sums, truth, vectors)
    return np.asarray(sums / np.maximum(np.bincount(truth), 1)[:, None])


def _squared_distances(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return np.asarray((vectors**2).sum(axis=1)[:, None] - 2 * vectors @ centres.T + (centres**2).sum(axis=1))


def _unit(vectors: Any) -> Any:
    """Scale rows to length 1; rows of zeros stay, and are as far from all others as can be."""
    if sparse.issparse(vectors):
        lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
        return sparse.csr_array(sparse.diags_array(1 / np.maximum(lengths, 1e-12)) @ vectors)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _sparse_of(arrays: Mapping[str, np.ndarray]) -> Any:
    parts = (arrays["kept_values"], arrays["kept_rows"], arrays["kept_starts"])
    return sparse.csc_array(parts, shape=tuple(map(int, arrays["kept_shape"])))


def _evenly(truth: np.ndarray, most: int) -> np.ndarray:
    """Give the positions of at most so many rows, evenly spaced among the rows sorted by their label."""
    order = np.argsort(truth, kind="stable")
    return np.sort(order[np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(np.int64)])
