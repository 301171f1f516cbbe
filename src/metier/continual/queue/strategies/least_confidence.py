"""Least confidence: rows whose most probable label is least probable (Lewis and Gale, 1994)."""

import numpy as np

from metier.continual.queue.strategies.pool import Pick, Pool, given, highest, percent


def least_confidence(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose the rows of whose answer the model is least sure."""
    probabilities = given(pool.probabilities)
    best = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    return [
        Pick(
            row,
            float(1 - confidence[row]),
            f"The model is only {percent(confidence[row])} % sure of its answer {pool.labels[best[row]]!r}.",
        )
        for row in highest(-confidence, n, rng=rng)
    ]
