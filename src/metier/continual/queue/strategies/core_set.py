"""Core-set: rows so that none is far from a labelled one, by greedy k-centre (Sener and Savarese, 2018, arXiv:1708.00489)."""

import numpy as np

from metier.continual.queue.strategies.nearest import nearest_distances, squared_distances
from metier.continual.queue.strategies.pool import Pick, Pool, given


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
