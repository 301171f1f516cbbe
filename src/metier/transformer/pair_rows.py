"""Pairs as token ids, for an encoder that reads the two texts apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from metier.predictors.tokenization import pad
from metier.tasks.pairs import Pair
from metier.transformer.batching import Batch, TokenisedRows


@dataclass(frozen=True)
class PairRows(TokenisedRows):
    """Pairs, each stored as the ids of its first text followed by those of its second.

    A batch of n pairs has 2 n rows: the first texts, then the second ones. Its labels are what `truth` has.

    Parameters
    ----------
    first_lengths : ndarray of int64 of shape (n_pairs,)
        How many of a pair's ids are its first text.
    """

    first_lengths: np.ndarray

    @classmethod
    def of(
        cls, first: Sequence[Sequence[int]], second: Sequence[Sequence[int]], truth: np.ndarray, pad_id: int
    ) -> "PairRows":
        """Join the ids of both sides."""
        ids = [np.array([*one, *other], dtype=np.int64) for one, other in zip(first, second, strict=True)]
        return cls(ids, truth, pad_id, np.array([len(one) for one in first], dtype=np.int64))

    def batch(self, positions: np.ndarray) -> Batch:
        """The pairs at these positions as one batch."""
        own = [(self.ids[position], self.first_lengths[position]) for position in positions]
        sides = [ids[:length] for ids, length in own] + [ids[length:] for ids, length in own]
        input_ids, mask = pad(sides, pad_id=self.pad_id)
        labels = self._labels(positions, input_ids.shape[1])
        return Batch(torch.from_numpy(input_ids), torch.from_numpy(mask), labels)


def meanings(pairs: Sequence[Pair], is_match: np.ndarray) -> np.ndarray:
    """Number the texts of pairs so that texts known to mean the same share a number.

    Equal texts do, and the two of a match, and whatever is linked by such steps: these must not be held against
    one another as negatives.

    Parameters
    ----------
    pairs : sequence of Pair
    is_match : ndarray of bool of shape (n_pairs,)

    Returns
    -------
    ndarray of int64 of shape (n_pairs, 2)
    """
    number = {
        text: position for position, text in enumerate(dict.fromkeys(text for pair in pairs for text in pair))
    }
    parents = list(range(len(number)))

    def root(of: int) -> int:
        while parents[of] != of:
            parents[of] = of = parents[parents[of]]
        return of

    for pair, matches in zip(pairs, is_match.tolist(), strict=True):
        if matches:
            parents[root(number[pair.text])] = root(number[pair.text_pair])
    return np.array([[root(number[text]) for text in pair] for pair in pairs], dtype=np.int64)
