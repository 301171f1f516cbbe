"""Old form of checked scores, until its last caller uses `answers.score`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.tasks.answers.score import SCORE
from metier.tasks.examples import Examples
from metier.tasks.inputs.pair import Pair
from metier.tasks.inputs.text_or_pair import TEXT_OR_PAIR

as_items = TEXT_OR_PAIR.read


@dataclass(frozen=True)
class ScoredItems(Examples):
    """Texts or pairs, and their scores."""

    @property
    def scores(self) -> np.ndarray:
        """The score of each item."""
        return np.asarray(self.truth)

    @property
    def are_pairs(self) -> bool:
        """Whether each item is two texts."""
        return isinstance(self.items[0], Pair)

    @property
    def texts(self) -> list[str]:
        """Every text, both sides of pairs one after the other."""
        return TEXT_OR_PAIR.texts(self.items)

    def folds(self, random: np.random.RandomState) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give positions to learn from and to choose on."""
        yield from SCORE.folds(self, random_state=random)


def check_scores(X: Any, y: Any, *, are_unseen: bool = False) -> ScoredItems:
    """Check what `fit` was handed."""
    found = SCORE.check(as_items(X), y, known=Examples((), ()) if are_unseen else None)
    return ScoredItems(found.items, found.truth)
