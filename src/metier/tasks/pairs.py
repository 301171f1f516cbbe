"""Pairs of texts as a method takes them, checked once: both sides there, or the row is named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from metier.errors import EmptyDataError, MissingSideError
from metier.tasks.examples import check_examples

SIDES = ("text", "text_pair")


class Pair(NamedTuple):
    """Two texts that are judged together."""

    text: str
    text_pair: str


def as_pairs(X: Any, *, origin: str = "these pairs") -> list[Pair]:
    """Give the pairs of whatever a method or a predictor was handed.

    Parameters
    ----------
    X : sequence of mappings with the keys `text` and `text_pair`, or of two texts each
    origin : str
        Where they came from, for messages.

    Raises
    ------
    EmptyDataError
        If there is nothing in it.
    MissingSideError
        If a side is missing or blank.
    TypeError
        If it does not hold pairs.
    """
    if isinstance(X, str | Mapping):
        raise TypeError(f"Expected a list of pairs, found one {type(X).__name__}. Put it in a list: [pair].")
    pairs = [_as_pair(value, position, origin) for position, value in enumerate(X)]
    if not pairs:
        raise EmptyDataError("Expected at least one pair, found none. Give pairs of two texts.")
    return pairs


@dataclass(frozen=True)
class PairExamples:
    """Pairs with their labels as numbers.

    Parameters
    ----------
    pairs : list of Pair
    truth : ndarray of int64 of shape (n_pairs,)
        Position of each pair's label in `classes`.
    classes : ndarray of shape (n_classes,)
        The label space, sorted.
    """

    pairs: list[Pair]
    truth: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def labels(self) -> np.ndarray:
        """The label of each pair."""
        labels: np.ndarray = self.classes[self.truth]
        return labels

    @property
    def texts(self) -> list[str]:
        """Both sides of every pair, one after the other: what a vocabulary is learned from."""
        return [text for pair in self.pairs for text in pair]

    def take(self, positions: np.ndarray) -> "PairExamples":
        """The examples at these positions, in this order."""
        return PairExamples(
            [self.pairs[position] for position in positions], self.truth[positions], self.classes
        )


def check_pairs(X: Any, y: Any, *, classes: np.ndarray | None = None) -> PairExamples:
    """Check the pairs and labels that `fit` was handed, and number the labels.

    Raises
    ------
    MissingSideError
        If a pair has only one text.
    ValueError, MissingLabelError, TooFewLabelsError, UnseenLabelError
        As `tasks.examples.check_examples` does.
    """
    pairs = as_pairs(X)
    examples = check_examples([pair.text for pair in pairs], y, classes=classes)
    return PairExamples(pairs, examples.truth, examples.classes)


def as_items(pairs: Sequence[Pair]) -> list[dict[str, str]]:
    """Give pairs in the form in which they are written down: mappings with `text` and `text_pair`."""
    return [pair._asdict() for pair in pairs]


def _as_pair(value: Any, position: int, origin: str) -> Pair:
    if isinstance(value, Mapping):
        sides = [value.get(side) for side in SIDES]
    elif isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
        sides = list(value)
    else:
        raise TypeError(
            f"Expected a pair of texts at position {position}, found {type(value).__name__}. "
            "Give mappings with the keys 'text' and 'text_pair', or two texts each."
        )
    return Pair(*(_as_side(text, side, position + 1, origin) for side, text in zip(SIDES, sides, strict=True)))


def _as_side(text: Any, side: str, row: int, origin: str) -> str:
    if text is None or (isinstance(text, str) and not text.strip()):
        raise MissingSideError(row, side, origin=origin)
    if not isinstance(text, str):
        raise TypeError(f"Expected a text as {side!r} of row {row}, found {type(text).__name__}. Give a str.")
    return text
