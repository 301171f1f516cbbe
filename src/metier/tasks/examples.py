"""Checked input of a method's `fit`: items, and the target of each as its answer kind stores it, or its soft label."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from metier.errors import SettingsError


@dataclass(frozen=True)
class Examples:
    """Checked rows to learn from or to choose on.

    Parameters
    ----------
    items : sequence
        What the rows ask, as their input kind reads it.
    truth : ndarray or list
        What is right, one element a row; in the form of the answer kind.
    labels : ndarray of shape (n_labels,)
        The label space in the order of the columns; empty where answers are not labels.
    soft : ndarray of shape (n_rows, ...) or list, optional
        What is learned in the place of the truth, as the answer kind has it: probabilities of the labels.
    """

    items: Sequence[Any]
    truth: Any
    labels: np.ndarray = field(default_factory=lambda: np.array([], dtype=str))
    soft: Any = None

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label space as text, whatever the labels are."""
        return tuple(map(str, self.labels))

    def take(self, positions: np.ndarray | Sequence[int]) -> Self:
        """The examples at these positions, in this order."""
        rows = np.asarray(positions, dtype=np.int64)
        is_array = isinstance(self.truth, np.ndarray)
        return replace(
            self,
            items=[self.items[row] for row in rows.tolist()],
            truth=self.truth[rows] if is_array else [self.truth[row] for row in rows.tolist()],
            soft=self._soft_of(rows),
        )

    def _soft_of(self, rows: np.ndarray) -> Any:
        if isinstance(self.soft, list):
            return [self.soft[row] for row in rows.tolist()]
        return None if self.soft is None else self.soft[rows]


def check_shares(soft: Any, *, shape: tuple[int, ...]) -> np.ndarray:
    """Give soft targets of which each number lies between 0 and 1 by itself, an ndarray of float64.

    Raises
    ------
    SettingsError
        If their shape is another, or a number lies outside.
    """
    found = np.asarray(soft, dtype=np.float64)
    if found.shape != shape:
        fault = (
            f"their shape is {found.shape}, expected {shape}: a row for each item and a column for each label"
        )
        raise SettingsError([fault], origin="The soft labels")
    wrong = np.flatnonzero(~((found >= 0) & (found <= 1)).all(axis=1))
    if len(wrong):
        fault = f"row {wrong[0]} holds {found[wrong[0]]}, expected numbers from 0 to 1"
        raise SettingsError([fault], origin="The soft labels")
    return found


def check_soft(soft: Any, *, n_rows: int, classes: np.ndarray) -> np.ndarray:
    """Give soft labels as an ndarray of float64 of shape (n_rows, n_classes).

    Raises
    ------
    SettingsError
        If their shape is another, or a row is not a distribution.
    """
    found = np.asarray(soft, dtype=np.float64)
    if found.shape != (n_rows, len(classes)):
        fault = (
            f"their shape is {found.shape}, expected ({n_rows}, {len(classes)}): a row for each text and a column "
            "for each label that occurs in y, sorted"
        )
        raise SettingsError([fault], origin="The soft labels")
    wrong = np.flatnonzero((found < 0).any(axis=1) | ~np.isclose(found.sum(axis=1), 1, atol=1e-3))
    if len(wrong):
        fault = f"row {wrong[0]} holds {found[wrong[0]]}, expected numbers from 0 that sum to 1"
        raise SettingsError([fault], origin="The soft labels")
    return found
