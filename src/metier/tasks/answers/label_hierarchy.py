"""Labels that stand under one another: `flights/seats` under `flights`.

A slash alone makes no hierarchy ("n/a" and "and/or" are labels as well). A label is taken as a parent where it is a
label itself, or where at least two labels stand under it. Whoever has a label then has its parents too, in what is
learned and in what is answered.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

SEPARATOR = "/"
NO_PARENT = -1


def clean(labels: Iterable[str] | None) -> list[str]:
    """Give the labels of one row sorted, each once, without the spaces around them; blank ones are not labels."""
    return sorted({label.strip() for label in labels or () if label and label.strip()})


def with_parents(own: Iterable[str], labels: Iterable[str]) -> list[str]:
    """Give labels of one row and those of the label space that they stand under, sorted."""
    known = set(labels)
    return sorted({*own, *(above for label in own for above in _above(label) if above in known)})


def implied_parents(labels: Iterable[str]) -> set[str]:
    """Give the parents that labels imply: those that are labels themselves, or have two labels under them."""
    known = set(labels)
    children = Counter(above for label in known for above in _above(label))
    return {above for above, count in children.items() if count > 1 or above in known}


def parent_columns(labels: Sequence[str]) -> np.ndarray:
    """Say which label each label stands under.

    Returns
    -------
    ndarray of int64 of shape (n_labels,)
        The column of the nearest label above, -1 where there is none.
    """
    column = {label: place for place, label in enumerate(labels)}
    nearest = [
        next((column[above] for above in _above(label) if above in column), NO_PARENT) for label in labels
    ]
    return np.array(nearest, dtype=np.int64)


def from_the_top(parents: np.ndarray) -> list[int]:
    """Give the columns in an order in which every parent stands before its children."""
    depths = []
    for column in range(len(parents)):
        depth, above = 0, int(parents[column])
        while above != NO_PARENT:
            depth, above = depth + 1, int(parents[above])
        depths.append(depth)
    return sorted(range(len(parents)), key=depths.__getitem__)


def keep_consistent(probabilities: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Let no label be likelier than the label it stands under; changes and gives back its argument.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_labels)
    parents : ndarray of int of shape (n_labels,)
        As `parent_columns` gives them.
    """
    for column in from_the_top(parents):
        if parents[column] != NO_PARENT:
            above = probabilities[:, parents[column]]
            np.minimum(probabilities[:, column], above, out=probabilities[:, column])
    return probabilities


def raise_below(thresholds: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Let no label's threshold be below its parent's: a row that is answered a label is answered the parent too."""
    raised = np.array(thresholds, dtype=np.float64)
    for column in from_the_top(parents):
        if parents[column] != NO_PARENT:
            raised[column] = max(raised[column], raised[parents[column]])
    return raised


def _above(label: str) -> list[str]:
    """Give what could stand above a label, the nearest first; nothing where a part between slashes is blank."""
    parts = label.split(SEPARATOR)
    if not all(part.strip() for part in parts):
        return []
    return [SEPARATOR.join(parts[:end]) for end in range(len(parts) - 1, 0, -1)]
