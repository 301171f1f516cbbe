"""Rows of every label: the first batch, and rows of the labels of which few are known.

Strategies that ask where the model is unsure ask within the labels it knows: a label that is missing in the first batch
may stay missing. Where a model answers, the first rows are taken for each label in turn, the most probable first. Where
none does, they are spread over the texts as k-means++ spreads its centres (Arthur and Vassilvitskii, 2007).
"""

import numpy as np

from metier.continual.queue.strategies.diversity import squared_distances
from metier.continual.queue.strategies.pool import Pick, Pool, given, percent


def stratified(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose rows of every label; without a model's answers rows that are spread over the vectors."""
    if pool.probabilities is None or not pool.labels:
        return _spread(pool, n, rng)
    probabilities = pool.probabilities
    free = np.ones(pool.n_rows, dtype=bool)
    picks: list[Pick] = []
    while len(picks) < min(n, pool.n_rows):
        for label in rng.permutation(len(pool.labels))[: min(n, pool.n_rows) - len(picks)].tolist():
            row = int(np.where(free, probabilities[:, label], -1).argmax())
            free[row] = False
            share = float(probabilities[row, label])
            reason = f"To have rows of every label: this may be {pool.labels[label]!r} ({percent(share)} %)."
            picks.append(Pick(row, share, reason))
    return picks


def _spread(pool: Pool, n: int, rng: np.random.Generator) -> list[Pick]:
    vectors = np.asarray(given(pool.vectors), dtype=np.float32)
    distances = np.ones(pool.n_rows)
    picks: list[Pick] = []
    for _ in range(min(n, pool.n_rows)):
        if distances.sum() <= 0:
            break
        row = int(rng.choice(pool.n_rows, p=distances / distances.sum()))
        far = float(np.sqrt(distances[row]))
        picks.append(
            Pick(row, far, "To have rows of every kind, while no model answers: it is unlike the others.")
        )
        own = squared_distances(vectors, vectors[row : row + 1])[:, 0]
        distances = own if len(picks) == 1 else np.minimum(distances, own)
        distances[[one.row for one in picks]] = 0
    return picks


def class_balance(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose again and again for the rarest label the row that has it most probably.

    A row counts for each label by its probability, so that labels which the model never sees are asked for again.
    """
    probabilities = given(pool.probabilities)
    known = np.zeros(len(pool.labels)) if pool.known_counts is None else pool.known_counts.astype(float)
    expected = known.copy()
    free = np.ones(pool.n_rows, dtype=bool)
    picks: list[Pick] = []
    for _ in range(min(n, pool.n_rows)):
        rarest = int(rng.choice(np.flatnonzero(expected == expected.min())))
        row = int(np.where(free, probabilities[:, rarest], -1).argmax())
        share = float(probabilities[row, rarest])
        picks.append(Pick(row, share, _reason(pool.labels[rarest], int(known[rarest]), share)))
        free[row] = False
        expected += probabilities[row]
        expected[rarest] += 1e-3  # Equal labels take turns.
    return picks


def _reason(label: str, n_known: int, share: float) -> str:
    return f"Of the label {label!r} few rows are known ({n_known}), and this may be one ({percent(share)} %)."
