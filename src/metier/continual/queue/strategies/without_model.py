"""Rows that are chosen without a look at what a model makes of them: by what users said of its answers, and by chance.

Chance is what every other strategy has to beat, and the one that rows to estimate accuracy from are drawn by.
"""

import numpy as np

from metier.continual.queue.strategies.pool import Pick, Pool

BY_CHANCE = "Drawn by chance."


def feedback(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose rows with feedback: those first of whose answer the model was surest; none without."""
    said = [row for row, sentence in enumerate(pool.feedback) if sentence]
    sure = np.ones(pool.n_rows) if pool.probabilities is None else pool.probabilities.max(axis=1)
    chance = rng.random(pool.n_rows)
    ranked = sorted(said, key=lambda row: (-sure[row], chance[row]))[:n]
    return [Pick(row, float(sure[row]), pool.feedback[row]) for row in ranked]


def by_chance(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Draw rows."""
    return [Pick(int(row), 0.0, BY_CHANCE) for row in rng.permutation(pool.n_rows)[:n]]
