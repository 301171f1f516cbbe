"""Feedback: rows whose answers users corrected or marked as wrong."""

import numpy as np

from metier.continual.queue.strategies.pool import Pick, Pool


def feedback(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose rows with feedback: those first of whose answer the model was surest; none without."""
    said = [row for row, sentence in enumerate(pool.feedback) if sentence]
    sure = np.ones(pool.n_rows) if pool.probabilities is None else pool.probabilities.max(axis=1)
    chance = rng.random(pool.n_rows)
    ranked = sorted(said, key=lambda row: (-sure[row], chance[row]))[:n]
    return [Pick(row, float(sure[row]), pool.feedback[row]) for row in ranked]
