"""What strategies choose from: arrays that say what is known of the rows that wait, and of those that have labels."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import numpy as np

SMALL = 1e-12


@dataclass(frozen=True)
class Pool:
    """Rows that wait to be chosen, beside the rows that have labels.

    Parameters
    ----------
    n_rows : int
    labels : tuple of str
        The label space, in the order of the columns of probabilities.
    probabilities : ndarray of shape (n_rows, n_labels) or None
        Of the model's answers.
    vectors : ndarray of shape (n_rows, size) or None
        Frozen features of the rows: the encoder's vector of each text, or any other.
    known_vectors : ndarray of shape (n_known, size) or None
        The same of the rows that have labels.
    known_counts : ndarray of int of shape (n_labels,) or None
        How many rows have each label.
    members : tuple of ndarray of shape (n_rows, n_labels)
        Probabilities of the stages of a cascade, the members of an ensemble, or other candidates.
    scope_scores : ndarray of shape (n_rows,) or None
        How little each row suits any label.
    scope_cut : float
        Above it a row is out of scope.
    feedback : sequence of str
        What users said of the answer to each row, in a sentence; empty where nobody said anything against it.
    """

    n_rows: int
    labels: tuple[str, ...] = ()
    probabilities: np.ndarray | None = None
    vectors: np.ndarray | None = None
    known_vectors: np.ndarray | None = None
    known_counts: np.ndarray | None = None
    members: tuple[np.ndarray, ...] = ()
    scope_scores: np.ndarray | None = None
    scope_cut: float = 0.0
    feedback: Sequence[str] = field(default=())

    def rows(self, places: np.ndarray) -> Self:
        """Give the pool of some of its rows, in this order."""
        own: dict[str, Any] = {
            name: None if (value := vars(self)[name]) is None else value[places]
            for name in ("probabilities", "vectors", "scope_scores")
        }
        members = tuple(one[places] for one in self.members)
        feedback = [self.feedback[place] for place in places.tolist()] if self.feedback else ()
        return replace(self, n_rows=len(places), members=members, feedback=feedback, **own)


@dataclass(frozen=True)
class Pick:
    """A row that was chosen.

    Parameters
    ----------
    row : int
        Its place in the pool.
    score : float
        How much it was wanted, by the strategy's own measure; comparable within one batch alone.
    reason : str
        Why, in a sentence.
    """

    row: int
    score: float
    reason: str


class Strategy(Protocol):
    """A way to choose rows to be labelled."""

    def __call__(self, pool: Pool, n: int, *, rng: np.random.Generator) -> list[Pick]:
        """Give no more than `n` rows, the most wanted first; fewer where no more are wanted."""
        ...


def highest(scores: np.ndarray, n: int, *, rng: np.random.Generator) -> list[int]:
    """Give the places of the highest scores, the highest first; equal ones in an order drawn by chance."""
    shuffled = rng.permutation(len(scores))
    order = np.argsort(-np.asarray(scores, dtype=np.float64)[shuffled], kind="stable")[:n]
    return [int(place) for place in shuffled[order]]


def given(array: np.ndarray | None) -> np.ndarray:
    """Give an array that `check_can_choose` has seen."""
    assert array is not None
    return array


def percent(share: float) -> str:
    """Give a share as a whole number of percent."""
    return f"{100 * share:.0f}"
