"""What a method's `fit` is handed, checked: items, and the truth of each as its answer kind keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np


@dataclass(frozen=True)
class Examples:
    """Checked rows to learn from or to choose on.

    Parameters
    ----------
    items : sequence
        What the rows ask, as their input kind reads it.
    truth : ndarray or list
        What is right, one element a row; the answer kind says in which form.
    labels : ndarray of shape (n_labels,)
        The label space in the order of the columns; empty where answers are no labels.
    soft : ndarray of shape (n_rows, n_labels), optional
        Probabilities of the labels, where somebody is not sure of them.
    """

    items: Sequence[Any]
    truth: Any
    labels: np.ndarray = field(default_factory=lambda: np.array([], dtype=str))
    soft: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def texts(self) -> Sequence[Any]:
        """Old name of `items`, until its last caller is gone."""
        return self.items

    @property
    def classes(self) -> np.ndarray:
        """Old name of `labels`, until its last caller is gone."""
        return self.labels

    def take(self, positions: np.ndarray | Sequence[int]) -> Self:
        """The examples at these positions, in this order."""
        rows = np.asarray(positions, dtype=np.int64)
        is_array = isinstance(self.truth, np.ndarray)
        return replace(
            self,
            items=[self.items[row] for row in rows.tolist()],
            truth=self.truth[rows] if is_array else [self.truth[row] for row in rows.tolist()],
            soft=None if self.soft is None else self.soft[rows],
        )


def check_examples(X: Any, y: Any, *, classes: np.ndarray | None = None, read: Any = None) -> Examples:
    """Old form of `LABEL.check`, until its last caller is gone."""
    from metier.tasks.answers.label import LABEL  # It needs this module.
    from metier.text.given_texts import as_texts

    known = None if classes is None else Examples((), (), classes)
    return LABEL.check((read or as_texts)(X), y, known=known)


def as_items(X: Any) -> Sequence[Any]:
    """Old place of `inputs.read_any`, until its last caller is gone."""
    from metier.tasks.inputs import read_any

    return read_any(X)
