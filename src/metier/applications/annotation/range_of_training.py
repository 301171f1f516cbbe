"""Whether an image is unlike every training image: by small greys of it, without the network.

An image is outside where its nearest training image is farther away than that of 99 in 100 training images is from its
own nearest other one. It finds other views, other devices and other parts of a body that look different as a whole, and
not what is small.
"""

from collections.abc import Sequence

import numpy as np

from metier.image.likeness import Look

QUANTILE = 0.99
AT_ONCE = 512
FEWEST = 20  # Training images, below which the quantile says nothing.


class TrainingRange:
    """The range of the training images.

    Parameters
    ----------
    looks : sequence of Look
        Of the training images, at least `FEWEST`.
    """

    def __init__(self, looks: Sequence[Look]):
        if len(looks) < FEWEST:
            raise ValueError(f"expected at least {FEWEST} training images, found {len(looks)}")
        self._greys = _greys(looks)
        self._limit = float(np.quantile(_nearest(self._greys, self._greys, is_same=True), QUANTILE))

    def is_outside(self, looks: Sequence[Look]) -> np.ndarray:
        """Give whether images are unlike all training images, an ndarray of bool of shape (n_images,)."""
        if not looks:
            return np.zeros(0, dtype=bool)
        outside: np.ndarray = _nearest(_greys(looks), self._greys, is_same=False) > self._limit
        return outside


def _greys(looks: Sequence[Look]) -> np.ndarray:
    return np.stack([np.frombuffer(look.greys, np.uint8) for look in looks]).astype(np.float32)


def _nearest(ones: np.ndarray, others: np.ndarray, *, is_same: bool) -> np.ndarray:
    """Give the distance from each of `ones` to the nearest of `others`, itself left out where both are the same."""
    squares = (others**2).sum(axis=1)
    nearest = np.empty(len(ones))
    for start in range(0, len(ones), AT_ONCE):
        some = ones[start : start + AT_ONCE]
        distances = (some**2).sum(axis=1)[:, None] + squares[None, :] - 2 * some @ others.T
        if is_same:
            distances[np.arange(len(some)), np.arange(start, start + len(some))] = np.inf
        nearest[start : start + len(some)] = np.sqrt(np.maximum(distances.min(axis=1), 0))
    return nearest
