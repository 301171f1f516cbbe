"""Diversity: rows of which each is unlike the others of its batch, and unlike the rows that have labels.

BADGE (Ash et al., 2020, arXiv:1906.03671) takes rows that would change the model much: a row stands for the gradient of the
loss by the last layer, as if the model's own answer were true. For a linear head on frozen features it is the outer product
of (probabilities - answer) and the vector, so the product of two gradients is that of the two parts multiplied, and no
gradient of n_labels times size is ever made. Rows are seeded as k-means++ seeds centres: by chance, in proportion to the
squared distance to what is chosen already.

Core-set (Sener and Savarese, 2018, arXiv:1708.00489) covers the texts by greedy k-centre.
"""

import numpy as np

from metier.continual.queue.strategies.pool import Pick, Pool, given

CHANGES = "Its label would change the model much, and otherwise than the other rows of this batch."
PART_ROWS = 1_024  # Compared at once, so that memory stays small.


def badge(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose rows by their gradients, seeded as k-means++ does."""
    vectors = np.asarray(given(pool.vectors), dtype=np.float32)
    errors = np.asarray(given(pool.probabilities), dtype=np.float32).copy()
    errors[np.arange(len(errors)), errors.argmax(axis=1)] -= 1
    lengths = (errors**2).sum(axis=1) * (vectors**2).sum(axis=1)
    distances = np.full(pool.n_rows, np.inf)
    picks: list[Pick] = []
    row = int(lengths.argmax()) if pool.n_rows else 0
    for _ in range(min(n, pool.n_rows)):
        picks.append(Pick(row, float(np.sqrt(max(lengths[row], 0))), CHANGES))
        products = (errors @ errors[row]) * (vectors @ vectors[row])
        distances = np.minimum(distances, np.maximum(lengths + lengths[row] - 2 * products, 0))
        distances[[one.row for one in picks]] = 0
        total = distances.sum()
        if total <= 0:
            break  # What is left is what was chosen.
        row = int(rng.choice(pool.n_rows, p=distances / total))
    return picks


def core_set(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose again and again the row that is farthest from all that are labelled or chosen."""
    vectors = np.asarray(given(pool.vectors), dtype=np.float32)
    known = pool.known_vectors
    if known is not None and len(known):
        distances = nearest_distances(vectors, known) ** 2
    else:
        distances = squared_distances(vectors, vectors.mean(axis=0, keepdims=True))[:, 0]
    taken = np.zeros(pool.n_rows, dtype=bool)
    picks: list[Pick] = []
    for _ in range(min(n, pool.n_rows)):
        row = int(np.where(taken, -1, distances).argmax())
        far = float(np.sqrt(distances[row]))
        picks.append(Pick(row, far, f"No labelled row is like it: the nearest is at distance {far:.2f}."))
        taken[row] = True
        distances = np.minimum(distances, squared_distances(vectors, vectors[row : row + 1])[:, 0])
    return picks


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
