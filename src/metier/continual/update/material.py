"""What the methods of one update learn from, and each of them taught."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.continual.update.methods.method import Lesson, Needs, UpdateMethod
from metier.continual.update.methods.table import METHODS

States = Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Material:
    """Rows and states.

    Parameters
    ----------
    new : Lesson
        New rows, in the columns after the update.
    sources : tuple of tuple of int
        Of each column after the update, the columns before that went into it.
    n_before : int
        Columns before.
    old : Lesson or None
        All old rows, in the columns before; None: they are not given.
    replayed : Lesson or None
        Some old rows, in the columns after; None: there is no replay store.
    states : mapping of str to arrays
        Of methods that learned the old rows in an earlier update, by name.
    """

    new: Lesson
    sources: tuple[tuple[int, ...], ...]
    n_before: int
    old: Lesson | None = None
    replayed: Lesson | None = None
    states: States | None = None

    def lacks(self, name: str) -> str | None:
        """Say what a method lacks here; None: nothing."""
        method = METHODS[name]
        if method.needs == Needs.ALL:
            return None if self.old is not None else "old rows (--old)"
        if method.needs == Needs.SOME and self.replayed is None:
            return "a replay store (--replay)"
        if self.old is None and name not in (self.states or {}):
            return "old rows (--old), as the bundle keeps nothing of it"
        return None

    def taught(self, name: str) -> UpdateMethod:
        """Give a method that knew the old rows and has learned the new ones."""
        method = METHODS[name]()
        if method.needs == Needs.ALL:
            return method.fit(self._all(), n_labels=len(self.sources))
        if self.states and name in self.states:
            method = METHODS[name].of_arrays(self.states[name])
        else:
            assert self.old is not None
            method.fit(self.old, n_labels=self.n_before)
        method.relabelled(self.sources)
        return method.update(self.new, old=self.replayed if method.needs == Needs.SOME else None)

    def _all(self) -> Lesson:
        assert self.old is not None
        old = renumbered(self.old, self.sources, self.n_before)
        return Lesson(np.vstack([old.features, self.new.features]), np.concatenate([old.y, self.new.y]))


def renumbered(rows: Lesson, sources: Iterable[tuple[int, ...]], n_before: int) -> Lesson:
    """Give rows in the columns after an update; those of a label that was split are left out."""
    after = np.full(n_before, -1)
    for column, olds in enumerate(sources):
        after[list(olds)] = column
    kept = np.flatnonzero(after[rows.y] >= 0)
    found = rows.take(kept)
    return Lesson(found.features, after[found.y], found.weights)


def logits_of(method: UpdateMethod, features: Any) -> np.ndarray:
    """Give the logits of rows, an ndarray of float64 of shape (n_rows, n_labels)."""
    found, head = method.head()
    return head.logits(found(features))
