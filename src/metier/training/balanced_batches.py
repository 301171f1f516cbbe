"""Batches with at least two rows of each label, as contrastive losses need; drawn as a stream, never as all pairs."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from metier.training.batching import TokenBatch
from metier.training.contrastive import PooledVectors

# Of one batch: enough that a row meets mates and many others, few enough for seconds on two cores.
BATCH_ROWS = 64
FEWEST_MATES = 2
# Rows run together: sorted by length, so that one long text does not pad all others to its own.
ROWS_TOGETHER = 16


def balanced_batches(truth: np.ndarray, *, random_state: int) -> Iterator[np.ndarray]:
    """Yield positions without end: some labels, as many rows of each as fit, at least two.

    Labels come in turn, in an order that is drawn anew when too few are left for a batch; so do the rows of each.

    Parameters
    ----------
    truth : ndarray of int of shape (n_rows,)
        A label with one row stands there alone; it is still something to be kept away from.
    """
    random = np.random.default_rng(random_state)
    rows = [np.flatnonzero(truth == label) for label in np.unique(truth)]
    n_labels = min(len(rows), BATCH_ROWS // FEWEST_MATES)
    n_each = max(FEWEST_MATES, BATCH_ROWS // n_labels)
    of_label = [_in_turn(own, min(n_each, len(own)), random) for own in rows]
    for labels in _in_turn(np.arange(len(rows)), n_labels, random):
        yield np.concatenate([next(of_label[label]) for label in labels])


def _in_turn(values: np.ndarray, size: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield so many different values at a time, without end."""
    while True:
        order = random.permutation(values)
        for start in range(0, len(values) - size + 1, size):
            yield order[start : start + size]


class VectorsByLength(PooledVectors):
    """Pooled vectors, rows of like length run together: a batch that is balanced by label is not by length."""

    def forward(self, batch: TokenBatch) -> torch.Tensor:
        """Give vectors of shape (n_texts, hidden_size)."""
        lengths = batch.mask.sum(dim=1)
        order = lengths.argsort()
        parts: Sequence[torch.Tensor] = order.split(ROWS_TOGETHER)
        vectors = []
        for part in parts:
            width = int(lengths[part].max())
            some = TokenBatch(batch.input_ids[part, :width], batch.mask[part, :width])
            vectors.append(super().forward(some))
        return torch.cat(vectors)[order.argsort()]
