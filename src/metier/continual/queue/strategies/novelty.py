"""Novelty: rows unlike all training rows, by the distance to their k-th nearest (Sun et al., 2022, arXiv:2204.06507)."""

import numpy as np

from metier.continual.queue.strategies.nearest import nearest_distances
from metier.continual.queue.strategies.pool import Pick, Pool, given, highest, percent

NEIGHBOUR = 5
MOST_COMPARED = 2_000  # Training rows whose own distances are looked at.


def novelty(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose the rows that are farthest from the training rows."""
    known = np.asarray(given(pool.known_vectors), dtype=np.float32)
    if not len(known):
        return []
    distances = nearest_distances(given(pool.vectors), known, neighbour=NEIGHBOUR)
    some = known if len(known) <= MOST_COMPARED else known[rng.permutation(len(known))[:MOST_COMPARED]]
    usual = np.sort(nearest_distances(some, known, neighbour=NEIGHBOUR + 1))  # The nearest is the row itself.
    nearer = np.searchsorted(usual, distances) / len(usual)
    return [
        Pick(
            row,
            float(distances[row]),
            f"It is unlike the training rows: {percent(nearer[row])} % of them have nearer neighbours than it has.",
        )
        for row in highest(distances, n, rng=rng)
    ]
