"""Any number of labels a text, also none; labels may stand under one another: `flights/seats` under `flights`.

A slash alone makes no hierarchy ("n/a" and "and/or" are labels as well). A label is taken as a parent where it is a
label itself, or where at least two labels stand under it. Whoever has a label then has its parents too, in what is
learned and in what is answered.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from metier.errors import TooFewLabelsError

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "many_labels"
METRICS = ("set_micro_f1", "set_macro_f1", "set_samples_f1", "subset_accuracy")
SEPARATOR = "/"
NO_PARENT = -1


@dataclass(frozen=True)
class ManyLabels:
    """The task of giving any number of a fixed set of labels to a text.

    A target is a sorted list of labels; the empty list is the answer "none of them".

    Parameters
    ----------
    labels : tuple of str
        The label space, sorted, implied parents included; column order of every probability.
    primary_metric : str
        What candidates are ranked by.
    """

    labels: tuple[str, ...]
    primary_metric: str = "set_micro_f1"

    name: ClassVar[str] = NAME
    metrics: ClassVar[tuple[str, ...]] = METRICS
    input_keys: ClassVar[tuple[str, ...]] = ("text",)

    @classmethod
    def from_labels(cls, sets: Sequence[Iterable[str]], *, origin: str = "these rows") -> Self:
        """Read the label space off the label sets of training rows.

        Raises
        ------
        TooFewLabelsError
            If no row has a label, or every row has all of them: nothing would be told apart.
        """
        counts = Counter(label for own in sets for label in set(own))
        if not counts or min(counts.values()) == len(sets):
            found = "none of them has a label" if not counts else "each has all the labels there are"
            raise TooFewLabelsError(
                f"Giving labels tells rows with a label from rows without it, but of the {len(sets)} rows of "
                f"{origin} {found}. Check the column of labels (--role labels=COLUMN), or add other rows."
            )
        return cls(tuple(sorted({*counts, *implied_parents(counts)})))

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Read the label space off training rows."""
        return cls.from_labels([clean(own) for own in rows.values("labels")], origin=rows.origin)

    def items(self, rows: "Rows") -> Sequence[str]:
        """Give the texts."""
        return rows.texts

    def targets(self, rows: "Rows") -> list[list[str]]:
        """Give the labels of each row, sorted, their parents included."""
        return [self.with_parents(clean(own)) for own in rows.values("labels")]

    def with_parents(self, own: Iterable[str]) -> list[str]:
        """Give labels and their parents, sorted."""
        known = set(self.labels)
        return sorted({*own, *(above for label in own for above in _above(label) if above in known)})

    def facts(self) -> dict[str, Any]:
        """What a report says of the task besides its name."""
        return {"labels": list(self.labels), "is_hierarchical": bool((parent_columns(self.labels) >= 0).any())}


def clean(labels: Iterable[str] | None) -> list[str]:
    """Give the labels of one row sorted, each once, without the spaces around them; blank ones are no labels."""
    return sorted({label.strip() for label in labels or () if label and label.strip()})


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
