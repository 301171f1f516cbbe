"""Old form of checked label sets, until its last caller uses `answers.label_set`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.tasks.answers.label_hierarchy import parent_columns
from metier.tasks.answers.label_set import LABEL_SET
from metier.tasks.examples import Examples
from metier.text.given_texts import as_texts


@dataclass(frozen=True)
class LabelSets(Examples):
    """Texts with their labels."""

    labels: Any = ()

    @property
    def parents(self) -> np.ndarray:
        """The column each label stands under, -1 for none."""
        return parent_columns(self.labels)

    @property
    def sets(self) -> list[list[str]]:
        """The labels of each text."""
        return [[self.labels[column] for column in np.flatnonzero(row)] for row in self.truth]

    def folds(self, random: np.random.RandomState) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give positions to learn from and to choose on."""
        yield from LABEL_SET.folds(self, random_state=random)

    def held_out(self, random: np.random.RandomState) -> Iterator[tuple["LabelSets", "LabelSets"]]:
        """Give the same as examples."""
        for kept, held in self.folds(random):
            yield self.take(kept), self.take(held)


def check_label_sets(X: Any, y: Any, *, labels: Sequence[str] | None = None) -> LabelSets:
    """Check what `fit` was handed."""
    known = None if labels is None else Examples((), (), np.asarray(labels))
    found = LABEL_SET.check(as_texts(X), y, known=known)
    return LabelSets(found.items, found.truth, tuple(found.labels.tolist()))
