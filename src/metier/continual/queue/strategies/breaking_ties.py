"""Breaking ties: rows whose two most probable labels are nearly as probable (Luo et al., 2005).

Of the measures of uncertainty the one to begin with: entropy also counts labels that nobody would choose between, and did
worse than this in most comparisons on texts (Schröder et al., 2022).
"""

import numpy as np

from metier.continual.queue.strategies.pool import Pick, Pool, given, highest, percent


def breaking_ties(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose the rows where the model hesitates between two labels."""
    probabilities = given(pool.probabilities)
    if probabilities.shape[1] < 2:
        return []
    two = np.argpartition(-probabilities, 1, axis=1)[:, :2]
    shares = np.take_along_axis(probabilities, two, axis=1)
    order = np.argsort(-shares, axis=1)
    two, shares = np.take_along_axis(two, order, axis=1), np.take_along_axis(shares, order, axis=1)
    margins = shares[:, 0] - shares[:, 1]
    return [
        Pick(row, float(1 - margins[row]), _reason(pool.labels, two[row], shares[row]))
        for row in highest(-margins, n, rng=rng)
    ]


def _reason(labels: tuple[str, ...], two: np.ndarray, shares: np.ndarray) -> str:
    one, other = labels[two[0]], labels[two[1]]
    return f"The model hesitates between {one!r} ({percent(shares[0])} %) and {other!r} ({percent(shares[1])} %)."
