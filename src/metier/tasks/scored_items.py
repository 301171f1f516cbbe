"""What a method of scores is handed, checked once: texts or pairs of texts, and the number of each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.tasks.folds import held_out
from metier.tasks.pairs import Pair, as_pairs
from metier.tasks.scoring import check_numbers, check_spread
from metier.text.given_texts import as_texts

STRATA = 5  # Held-out rows have low, middle and high scores in the shares of all rows.


@dataclass(frozen=True)
class ScoredItems:
    """Texts or pairs, and their scores.

    Parameters
    ----------
    items : sequence of str, or of Pair
    scores : ndarray of float64 of shape (n_items,)
    """

    items: Sequence[Any]
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def are_pairs(self) -> bool:
        """Whether each item is two texts."""
        return isinstance(self.items[0], Pair)

    @property
    def texts(self) -> list[str]:
        """Every text, both sides of pairs one after the other: what a vocabulary is learned from."""
        return [text for item in self.items for text in (item if isinstance(item, Pair) else (item,))]

    def take(self, positions: np.ndarray) -> "ScoredItems":
        """The items at these positions, in this order."""
        return ScoredItems([self.items[i] for i in positions.tolist()], self.scores[positions])

    def folds(self, random: np.random.RandomState) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give positions to learn from and to choose on, scores in about equal shares."""
        edges = np.quantile(self.scores, np.linspace(0, 1, STRATA + 1)[1:-1])
        _, strata = np.unique(np.searchsorted(edges, self.scores), return_inverse=True)
        yield from held_out(strata, random=random)


def check_scores(X: Any, y: Any, *, are_unseen: bool = False) -> ScoredItems:
    """Check what `fit` was handed.

    Parameters
    ----------
    X : texts as `metier.data.rows.as_texts` takes them, or pairs as `tasks.pairs.as_pairs` does
    y : sequence of numbers, one an item
    are_unseen : bool, default=False
        These are validation rows, which may all have the same score.

    Raises
    ------
    ValueError
        If there is not one score for each item.
    DataError
        If a score is no finite number; with its row.
    TooFewLabelsError
        If all scores are the same.
    """
    items = as_items(X)
    if y is None or len(y) != len(items):
        found = "none" if y is None else str(len(y))
        raise ValueError(f"Expected one score for each of {len(items)} items, found {found}.")
    scores = check_numbers(y.tolist() if hasattr(y, "tolist") else list(y))
    if not are_unseen:
        check_spread(scores)
    return ScoredItems(items, scores)


def as_items(X: Any) -> Sequence[Any]:
    """Give the texts, or the pairs, of whatever a method or a predictor was handed."""
    if isinstance(X, Sequence) and not isinstance(X, str) and len(X) and _is_pair(X[0]):
        return as_pairs(X)
    return as_texts(X)


def _is_pair(item: Any) -> bool:
    if isinstance(item, Mapping):
        return "text_pair" in item
    return isinstance(item, list | tuple) and len(item) == 2
