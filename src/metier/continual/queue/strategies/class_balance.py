"""Class balance: rows that may have the labels of which fewest rows are known."""

import numpy as np

from metier.continual.queue.strategies.pool import Pick, Pool, given, percent


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
