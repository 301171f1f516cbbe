"""Figures of an update: what is known, what was forgotten, each with a paired interval.

Two experiences, the old rows and the new ones, each with test rows of its own, answered before and after. In the terms of
the field [1]_ [2]_: ACC is the mean of both accuracies after; BWT (backward transfer) what the accuracy on old rows gained,
and forgetting what it lost; FWT (forward transfer) how much better than chance the new rows were answered before.

References
----------
.. [1] Lopez-Paz and Ranzato, "Gradient episodic memory for continual learning", 2017, arXiv:1706.08840.
.. [2] Chaudhry et al., "Riemannian walk for incremental learning", 2018, arXiv:1801.10112.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

RESAMPLES = 2_000
LEVEL = 0.95


class Paired:
    """Bootstrap samples of the accuracies before and after of the same rows.

    Accuracies of a sample depend on how many rows are right before, after, both or never, so these four are drawn.

    Parameters
    ----------
    before, after : ndarray of bool of shape (n_rows,)
    """

    def __init__(self, before: np.ndarray, after: np.ndarray, random: np.random.Generator):
        cells = np.bincount(2 * before.astype(np.int64) + after, minlength=4)
        n_rows = max(int(cells.sum()), 1)
        drawn = random.multinomial(n_rows, cells / n_rows if cells.sum() else [1, 0, 0, 0], size=RESAMPLES)
        counts = np.vstack([cells, drawn]) / n_rows
        self.before, self.after = counts[:, 2] + counts[:, 3], counts[:, 1] + counts[:, 3]


def interval(values: np.ndarray) -> dict[str, float]:
    """Give a figure with its interval from the value and its bootstrap samples behind it."""
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"value": float(values[0]), "low": float(low), "high": float(high)}


def right(answers: Sequence[Any], targets: Sequence[Any]) -> np.ndarray:
    """Give which answers are right, an ndarray of bool of shape (n_rows,)."""
    return np.array([one == other for one, other in zip(answers, targets, strict=True)], dtype=bool)


def transfer(
    old: tuple[np.ndarray, np.ndarray],
    new: tuple[np.ndarray, np.ndarray],
    *,
    n_labels_before: int,
    random_state: int = 0,
) -> dict[str, Any]:
    """Give all figures of an update.

    Parameters
    ----------
    old, new : (before, after), ndarrays of bool of shape (n_rows,)
        Which test rows of each experience are answered right.
    n_labels_before : int
        Among so many labels chance chooses.
    """
    random = np.random.default_rng(random_state)
    first, second = Paired(*old, random), Paired(*new, random)
    return {
        "old": {"before": interval(first.before), "after": interval(first.after), "rows": len(old[0])},
        "new": {"before": interval(second.before), "after": interval(second.after), "rows": len(new[0])},
        "acc": interval((first.after + second.after) / 2),
        "bwt": interval(first.after - first.before),
        "forgetting": interval(first.before - first.after),
        "fwt": interval(second.before - 1 / max(n_labels_before, 1)),
    }


def by_label(
    targets: Sequence[str], before: np.ndarray, after: np.ndarray, *, random_state: int = 0
) -> list[dict[str, Any]]:
    """Give the share of each label's rows that are answered right, before and after, in alphabetical order."""
    random = np.random.default_rng(random_state)
    labels, found = np.asarray(targets, dtype=object), list[dict[str, Any]]()
    for label in sorted(set(targets)):
        own = labels == label
        drawn = Paired(before[own], after[own], random)
        found.append(
            {
                "label": label,
                "rows": int(own.sum()),
                "before": float(drawn.before[0]),
                "after": float(drawn.after[0]),
                "difference": interval(drawn.after - drawn.before),
            }
        )
    return found
