"""What a method of many labels is handed, checked once: texts, and the labels of each as a row of zeros and ones."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from metier.errors import UnseenLabelError
from metier.tasks.folds import held_out
from metier.tasks.many_labels import ManyLabels, clean, parent_columns
from metier.text.given_texts import as_texts

SHOWN = 5


@dataclass(frozen=True)
class LabelSets:
    """Texts with their labels.

    Parameters
    ----------
    texts : sequence of str
    truth : ndarray of bool of shape (n_texts, n_labels)
        Which labels a text has; a row of False has none.
    labels : tuple of str
        The label space, sorted.
    """

    texts: Sequence[str]
    truth: np.ndarray
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.truth)

    @cached_property
    def parents(self) -> np.ndarray:
        """The column each label stands under, -1 for none."""
        return parent_columns(self.labels)

    @property
    def sets(self) -> list[list[str]]:
        """The labels of each text, as `fit` takes them."""
        return [[self.labels[column] for column in np.flatnonzero(row)] for row in self.truth]

    def take(self, positions: np.ndarray) -> "LabelSets":
        """The examples at these positions, in this order."""
        return LabelSets([self.texts[i] for i in positions.tolist()], self.truth[positions], self.labels)

    def folds(self, random: np.random.RandomState) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give positions to learn from and to choose on, in about equal shares of every label.

        Rows are dealt out by the rarest label of each, since what is rare is what a careless part would miss.
        """
        by_rarity = np.argsort(self.truth.sum(axis=0), kind="stable")
        has_any = self.truth.any(axis=1)
        rarest = self.truth[:, by_rarity].argmax(axis=1) + 1
        _, strata = np.unique(np.where(has_any, rarest, 0), return_inverse=True)
        yield from held_out(strata, random=random)

    def held_out(self, random: np.random.RandomState) -> Iterator[tuple["LabelSets", "LabelSets"]]:
        """Give the same as examples."""
        for training, away in self.folds(random):
            yield self.take(training), self.take(away)


def check_label_sets(X: Any, y: Any, *, labels: Sequence[str] | None = None) -> LabelSets:
    """Check what `fit` was handed.

    Parameters
    ----------
    X : whatever `metier.data.rows.as_texts` takes
    y : sequence of lists of labels, one list a text
        A list may be empty; parents of hierarchical labels are added.
    labels : sequence of str, optional
        The label space of the training rows, when these are validation rows; None: learn it from `y`.

    Raises
    ------
    ValueError
        If there is not one list for each text.
    TypeError
        If an element of `y` is no collection of labels.
    TooFewLabelsError
        If no text has a label.
    UnseenLabelError
        If a validation row has a label that `labels` does not hold.
    """
    texts = as_texts(X)
    if y is None or len(y) != len(texts):
        found = "none" if y is None else str(len(y))
        raise ValueError(
            f"Expected one list of labels for each of {len(texts)} texts, found {found}. "
            "Give [] where a text has no label."
        )
    sets = [_as_labels(own, position) for position, own in enumerate(y)]
    task = ManyLabels.from_labels(sets) if labels is None else ManyLabels(tuple(labels))
    closed = [task.with_parents(own) for own in sets]
    column = {label: place for place, label in enumerate(task.labels)}
    _refuse_unseen(closed, column)
    truth = np.zeros((len(texts), len(column)), dtype=bool)
    for row, own in enumerate(closed):
        truth[row, [column[label] for label in own]] = True
    return LabelSets(texts, truth, task.labels)


def _as_labels(own: Any, position: int) -> list[str]:
    if isinstance(own, str | Mapping) or not hasattr(own, "__iter__"):
        raise TypeError(
            f"Expected a list of labels at position {position}, found {type(own).__name__}. "
            "Give one list a text, [] where it has no label."
        )
    return clean(str(label) for label in own)


def _refuse_unseen(sets: Sequence[Sequence[str]], known: Mapping[str, int]) -> None:
    unseen = Counter(label for own in sets for label in own if label not in known)
    if unseen:
        shown = ", ".join(f"{label!r} ({rows} rows)" for label, rows in unseen.most_common(SHOWN))
        raise UnseenLabelError(
            f"The validation rows use {len(unseen)} labels that the training rows never show: {shown}. "
            "Add training rows with these labels, or mend the spelling."
        )
