"""Pairs as token ids, for an encoder that reads the two texts apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from metier.features.averaged_windows import Cutter
from metier.features.tokenization import pad
from metier.tasks.inputs.pair import Pair
from metier.training.batching import TokenBatch, TokenisedRows
from metier.training.window_shares import WindowShares, cut_to_learn


@dataclass(frozen=True)
class PairRows(TokenisedRows):
    """Pairs, each stored as the ids of its first text followed by those of its second.

    A batch of n pairs has 2 n rows: the first texts, then the second ones. Its labels are what `truth` has. Of long
    texts each entry of `ids` is a window of the first beside one of the second.

    Parameters
    ----------
    first_lengths : ndarray of int64 of shape (len(ids),)
        How many of an entry's ids are its first text.
    """

    first_lengths: np.ndarray

    @classmethod
    def apart(cls, cutter: Cutter, pairs: Sequence[Pair], truth: np.ndarray, pad_id: int) -> "PairRows":
        """Cut both sides into the windows that are learned; an epoch reads one window of each, side by side, in step."""
        (one, of_one), (other, of_other) = (
            cut_to_learn(cutter, [pair[side] for pair in pairs]) for side in (0, 1)
        )
        beside = [
            _in_step(*places, of_one, of_other)
            for places in zip(_places(of_one), _places(of_other), strict=True)
        ]
        first, second = (np.concatenate([step[side] for step in beside]) for side in (0, 1))
        owners = np.repeat(np.arange(len(pairs)), [len(step[0]) for step in beside])
        shares = WindowShares(owners, np.concatenate([step[2] for step in beside]))
        ids = [np.concatenate([one[left], other[right]]) for left, right in zip(first, second, strict=True)]
        return cls(
            ids, truth, pad_id, np.array([len(one[left]) for left in first], dtype=np.int64), shares=shares
        )

    def batch(self, positions: np.ndarray) -> TokenBatch:
        """The pairs at these positions as one batch."""
        own = [(self.ids[position], self.first_lengths[position]) for position in positions]
        sides = [ids[:length] for ids, length in own] + [ids[length:] for ids, length in own]
        input_ids, mask = pad(sides, pad_id=self.pad_id)
        labels = self._labels(positions, input_ids.shape[1])
        return TokenBatch(torch.from_numpy(input_ids), torch.from_numpy(mask), labels)


def _places(shares: WindowShares) -> list[np.ndarray]:
    """Give the positions of each text's windows."""
    return np.split(np.arange(len(shares.owners)), np.flatnonzero(np.diff(shares.owners)) + 1)


def _in_step(
    left: np.ndarray, right: np.ndarray, of_left: WindowShares, of_right: WindowShares
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Set the windows of two texts beside one another: positions of both, and the weights of the side with more."""
    n_left, n_right = len(left), len(right)
    steps = np.arange(max(n_left, n_right))
    fractions = of_left.fractions[left] if n_left >= n_right else of_right.fractions[right]
    return left[steps * n_left // len(steps)], right[steps * n_right // len(steps)], fractions


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
