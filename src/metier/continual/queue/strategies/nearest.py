"""Distances from rows to the nearest of others, in parts, so that memory stays small."""

import numpy as np

PART_ROWS = 1_024


def squared_distances(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Give the squared distances of vectors to others, an ndarray of shape (n_vectors, n_others)."""
    own = np.einsum("ij,ij->i", vectors, vectors)[:, None]
    theirs = np.einsum("ij,ij->i", others, others)[None]
    return np.asarray(np.maximum(own + theirs - 2 * (vectors @ others.T), 0))


def nearest_distances(vectors: np.ndarray, others: np.ndarray, *, neighbour: int = 1) -> np.ndarray:
    """Give the distance of each vector to its nearest among others, or to its k-th nearest.

    Parameters
    ----------
    neighbour : int, default=1
        Which; the farthest where there are fewer.
    """
    vectors, others = np.asarray(vectors, dtype=np.float32), np.asarray(others, dtype=np.float32)
    place = min(neighbour, len(others)) - 1
    found = [
        np.partition(squared_distances(vectors[start : start + PART_ROWS], others), place, axis=1)[:, place]
        for start in range(0, len(vectors), PART_ROWS)
    ]
    return np.sqrt(np.concatenate(found)) if found else np.empty(0, dtype=np.float32)
