"""BADGE: rows that would change the model much, each otherwise than the others (Ash et al., 2020, arXiv:1906.03671).

A row stands for the gradient of the loss by the last layer, as if the model's own answer were true. For a linear head on
frozen features it is the outer product of (probabilities - answer) and the vector, so the product of two gradients is that
of the two parts multiplied, and no gradient of n_labels times size is ever made. Rows are seeded as k-means++ seeds
centres: by chance, in proportion to the squared distance to what is chosen already.
"""

import numpy as np

from metier.continual.queue.strategies.pool import Pick, Pool, given

REASON = "Its label would change the model much, and otherwise than the other rows of this batch."


def badge(pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
    """Choose rows by their gradients, seeded as k-means++ does."""
    vectors = np.asarray(given(pool.vectors), dtype=np.float32)
    errors = np.asarray(given(pool.probabilities), dtype=np.float32).copy()
    errors[np.arange(len(errors)), errors.argmax(axis=1)] -= 1
    lengths = (errors**2).sum(axis=1) * (vectors**2).sum(axis=1)
    distances = np.full(pool.n_rows, np.inf)
    picks: list[Pick] = []
    row = int(lengths.argmax()) if pool.n_rows else 0
    for _ in range(min(n, pool.n_rows)):
        picks.append(Pick(row, float(np.sqrt(max(lengths[row], 0))), REASON))
        products = (errors @ errors[row]) * (vectors @ vectors[row])
        distances = np.minimum(distances, np.maximum(lengths + lengths[row] - 2 * products, 0))
        distances[[one.row for one in picks]] = 0
        total = distances.sum()
        if total <= 0:
            break  # What is left is what was chosen.
        row = int(rng.choice(pool.n_rows, p=distances / total))
    return picks
