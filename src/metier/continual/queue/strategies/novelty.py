"""Rows unlike what the model was trained for.

Novelty compares with the training rows, by the distance to the k-th nearest (Sun et al., 2022, arXiv:2204.06507); out of
scope takes the rule of the bundle, which says whether any label may fit.
"""

import numpy as np

from metier.continual.queue.strategies.diversity import nearest_distances
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


def out_of_scope(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose the rows that are farthest out of scope; none that is within it."""
    scores = given(pool.scope_scores)
    outside = int((scores > pool.scope_cut).sum())
    return [
        Pick(
            row,
            float(scores[row]),
            f"Maybe no label fits: its score {scores[row]:.3g} is above {pool.scope_cut:.3g}, the cut of the model.",
        )
        for row in highest(scores, min(n, outside), rng=rng)
    ]
