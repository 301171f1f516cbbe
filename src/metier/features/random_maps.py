"""Maps of fixed features by numbers drawn once: random Fourier features, and a sketch of sparse rows.

A map is learned from nothing but a seed and the spread of some first rows, so that it never has to change afterwards:
whatever was computed from mapped rows before stays comparable with rows that come later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from metier.features.tfidf import SparseRows

MOST_ROWS = 2_000  # Enough to know the spread of rows.


class FeatureMap(Protocol):
    """Turns the features of rows into others."""

    kind: ClassVar[str]

    def __call__(self, features: Any) -> Any:
        """Map features of shape (n_rows, n_features)."""
        ...

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What is kept of it."""
        ...


@dataclass(frozen=True)
class Identity:
    """Features as they are."""

    kind: ClassVar[str] = "identity"

    def __call__(self, features: Any) -> Any:
        """Give the features."""
        return features

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Nothing."""
        return {}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Nothing is kept of it."""
        return cls()


@dataclass(frozen=True)
class FourierMap:
    """Random Fourier features of a Gaussian kernel [1]_: cosines of random projections.

    Parameters
    ----------
    frequencies : ndarray of float32 of shape (n_features, n_columns)
    phases : ndarray of float32 of shape (n_columns,)

    References
    ----------
    .. [1] Rahimi and Recht, "Random features for large-scale kernel machines", 2007.
    """

    frequencies: np.ndarray
    phases: np.ndarray
    kind: ClassVar[str] = "fourier"

    @classmethod
    def drawn(cls, rows: np.ndarray, *, n_columns: int, width: float, random_state: int) -> Self:
        """Draw a map for rows like these.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features)
        width : float
            Of the kernel, in units of the median distance between two rows.
        """
        random = np.random.default_rng(random_state)
        some = rows[random.permutation(len(rows))[:MOST_ROWS]].astype(np.float64)
        other = some[random.permutation(len(some))]
        distance = float(np.median(np.linalg.norm(some - other, axis=1))) or 1.0
        frequencies = random.standard_normal((rows.shape[1], n_columns)) / (width * distance)
        phases = random.uniform(0, 2 * np.pi, n_columns)
        return cls(frequencies.astype(np.float32), phases.astype(np.float32))

    def __call__(self, features: Any) -> np.ndarray:
        """Give cosines, an ndarray of float32 of shape (n_rows, n_columns); a row has a length of about 1."""
        projected = np.asarray(features, dtype=np.float32) @ self.frequencies
        projected += self.phases
        np.cos(projected, out=projected)
        projected *= np.sqrt(2.0 / len(self.phases)).astype(np.float32)
        return projected

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Its frequencies and phases."""
        return {"frequencies": self.frequencies, "phases": self.phases}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Read what `arrays` gave."""
        return cls(arrays["frequencies"], arrays["phases"])


@dataclass(frozen=True)
class SketchMap:
    """A count sketch [1]_ of sparse rows: every column goes to one of some buckets, with a random sign.

    Products of rows are kept on average, so methods that need dense rows can take TF-IDF.

    Parameters
    ----------
    buckets : ndarray of int32 of shape (n_features,)
    signs : ndarray of float32 of shape (n_features,)
        1 or -1.

    References
    ----------
    .. [1] Charikar, Chen and Farach-Colton, "Finding frequent items in data streams", 2002.
    """

    buckets: np.ndarray
    signs: np.ndarray
    n_buckets: int
    kind: ClassVar[str] = "sketch"

    @classmethod
    def drawn(cls, n_features: int, *, n_buckets: int, random_state: int) -> Self:
        """Draw a sketch."""
        random = np.random.default_rng(random_state)
        buckets = random.integers(n_buckets, size=n_features).astype(np.int32)
        return cls(buckets, random.choice(np.array([-1, 1], np.float32), n_features), n_buckets)

    def __call__(self, features: Any) -> np.ndarray:
        """Give the sketch of `SparseRows`, an ndarray of float32 of shape (n_rows, n_buckets)."""
        found: SparseRows = features
        n_rows = found.shape[0]
        rows = np.repeat(np.arange(n_rows), np.diff(found.starts))
        places = rows * self.n_buckets + self.buckets[found.columns]
        weights = found.values * self.signs[found.columns]
        sums = np.bincount(places, weights, minlength=n_rows * self.n_buckets)
        return sums.reshape(n_rows, self.n_buckets).astype(np.float32)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Its buckets, signs and size."""
        return {"buckets": self.buckets, "signs": self.signs, "n_buckets": np.array([self.n_buckets])}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Read what `arrays` gave."""
        return cls(arrays["buckets"], arrays["signs"], int(arrays["n_buckets"][0]))


MAPS: dict[str, type[Identity] | type[FourierMap] | type[SketchMap]] = {
    one.kind: one for one in (Identity, FourierMap, SketchMap)
}
