"""Out of scope: rows of which the bundle's rule says that no label may fit."""

import numpy as np

from metier.continual.queue.strategies.pool import Pick, Pool, given, highest


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
