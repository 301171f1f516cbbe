"""What people prefer among written answers: pairs of a better and a worse one, or answers that were found good or bad."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from metier.tasks.inputs.conversation import Item

CHOSEN, REJECTED = 1.0, 0.0


@dataclass(frozen=True)
class Preferences:
    """Answers to prompts, and what was said of them.

    Parameters
    ----------
    items : tuple of Item
        What each answer is an answer to: a text, or a conversation.
    answers : tuple of str
    rewards : ndarray of float of shape (n_answers,)
        1 of an answer that was chosen or found good, 0 of one that was rejected or found bad.
    prompts : ndarray of int of shape (n_answers,)
        Answers to the same prompt have the same number.
    pairs : ndarray of int of shape (n_pairs, 2)
        Places of a preferred answer and of the one that it was preferred to; empty where there are thumbs of one kind
        alone for every prompt.
    rows : ndarray of int of shape (n_answers,)
        Where each stands in the file, from 1 on.
    """

    items: tuple[Item, ...]
    answers: tuple[str, ...]
    rewards: np.ndarray
    prompts: np.ndarray
    pairs: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def n_prompts(self) -> int:
        """How many different prompts there are."""
        return len(np.unique(self.prompts))

    @property
    def first_of_prompts(self) -> np.ndarray:
        """Places of one answer for each prompt, the best that is known of it, in the order of the file."""
        order = np.lexsort((np.arange(len(self)), -self.rewards))
        _, first = np.unique(self.prompts[order], return_index=True)
        return np.sort(order[first])

    def take(self, places: Sequence[int] | np.ndarray) -> "Preferences":
        """Give some of the answers, in this order, and the pairs that lie within them."""
        kept = np.asarray(places, dtype=np.int64)
        now = np.full(len(self), -1, dtype=np.int64)
        now[kept] = np.arange(len(kept))
        pairs = now[self.pairs] if len(self.pairs) else self.pairs
        return replace(
            self,
            items=tuple(self.items[place] for place in kept),
            answers=tuple(self.answers[place] for place in kept),
            rewards=self.rewards[kept],
            prompts=self.prompts[kept],
            pairs=pairs[(pairs >= 0).all(axis=1)] if len(pairs) else pairs,
            rows=self.rows[kept],
        )

    def of_prompts(self, prompts: np.ndarray) -> "Preferences":
        """Give the answers to some prompts."""
        return self.take(np.flatnonzero(np.isin(self.prompts, prompts)))


def pairs_of_thumbs(prompts: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """Give every good answer with every bad one to the same prompt, an ndarray of int of shape (n_pairs, 2)."""
    found = [
        (good, bad)
        for prompt in np.unique(prompts)
        for good in np.flatnonzero((prompts == prompt) & (rewards == CHOSEN))
        for bad in np.flatnonzero((prompts == prompt) & (rewards == REJECTED))
    ]
    return np.array(found, dtype=np.int64).reshape(-1, 2)
