"""A linear map into a space that two encoders share; a vector there counts by its direction."""

from dataclasses import dataclass

import numpy as np

from metier.features.pair_features import of_length_one


@dataclass(frozen=True)
class Projection:
    """From the vectors of one encoder into the common space.

    Parameters
    ----------
    weight : ndarray of float32 of shape (size, n_features)
    bias : ndarray of float32 of shape (size,)
    """

    weight: np.ndarray
    bias: np.ndarray

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Give vectors of length 1, an ndarray of float32 of shape (n_vectors, size)."""
        projected: np.ndarray = np.asarray(vectors, np.float32) @ self.weight.T + self.bias
        return of_length_one(projected)
