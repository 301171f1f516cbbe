"""Which rows a replay store keeps: by chance, or those whose mean stays nearest to the mean of all."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

Choice = Literal["reservoir", "herding"]
PER_LABEL = 20


def reservoir(features: Any, *, n_kept: int, random: np.random.Generator) -> np.ndarray:
    """Draw rows by chance.

    Drawn anew from what is kept and what comes, each row weighted alike, this is what a reservoir (Vitter, 1985) keeps of a
    stream whose rows come in parts.
    """
    n_rows = features.shape[0]
    return np.sort(random.permutation(n_rows)[:n_kept])


def herding(features: Any, *, n_kept: int, random: np.random.Generator) -> np.ndarray:
    """Choose rows one by one so that their mean is nearest to the mean of all (Welling, 2009; as in iCaRL, 2017)."""
    rows = np.asarray(features, dtype=np.float64)
    centre, total, chosen = rows.mean(axis=0), np.zeros(rows.shape[1]), list[int]()
    left = np.ones(len(rows), dtype=bool)
    for number in range(1, min(n_kept, len(rows)) + 1):
        distances = np.linalg.norm(centre - (total + rows) / number, axis=1)
        distances[~left] = np.inf
        best = int(distances.argmin())
        chosen.append(best)
        left[best] = False
        total += rows[best]
    return np.array(sorted(chosen), dtype=np.int64)


CHOICES: dict[str, Callable[..., np.ndarray]] = {"reservoir": reservoir, "herding": herding}


def chosen_rows(
    features: Any,
    y: np.ndarray,
    *,
    per_label: int = PER_LABEL,
    how: Choice = "reservoir",
    random_state: int = 0,
) -> np.ndarray:
    """Give the positions of the rows that are kept, in order, so many of each label.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    """
    random = np.random.default_rng(random_state)
    found = []
    for label in np.unique(y):
        own = np.flatnonzero(y == label)
        found.append(own[CHOICES[how](features[own], n_kept=per_label, random=random)])
    return np.sort(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)
