"""By chance: every row as likely as any other; what each strategy has to beat."""

import numpy as np

from metier.continual.queue.strategies.pool import Pick, Pool

REASON = "Drawn by chance."


def by_chance(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Draw rows."""
    return [Pick(int(row), 0.0, REASON) for row in rng.permutation(pool.n_rows)[:n]]
