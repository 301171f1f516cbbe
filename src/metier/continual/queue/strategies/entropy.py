"""Entropy: rows whose answer is spread over many labels (Shannon, 1948; Settles, 2009)."""

import numpy as np

from metier.continual.queue.strategies.pool import SMALL, Pick, Pool, given, highest


def entropy(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose the rows whose probabilities have the highest entropy."""
    probabilities = given(pool.probabilities)
    spread = -(probabilities * np.log(np.maximum(probabilities, SMALL))).sum(axis=1)
    return [
        Pick(row, float(spread[row]), f"The model spreads its answer over about {np.exp(spread[row]):.1f} labels.")
        for row in highest(spread, n, rng=rng)
    ]
