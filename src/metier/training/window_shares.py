"""Training on long texts: one window of each text per epoch, drawn by its weight in the prediction.

In answering, what an encoder says of a text's windows is averaged, each window counting for the tokens that no window
before it held; see `features.averaged_windows`. In training a text is one row, however long: every epoch reads one of
its windows, drawn with the same weight. On average over epochs that is the loss over all windows with these weights,
and a book costs an epoch no more than any other text that fills a window. Epochs draw in turn from different parts of
a text, so that three of them mostly read three windows of three.

Epochs are compared, and heads started, by the average itself, over at most `MOST_KEPT` windows of a text that are spread
over it evenly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.features.averaged_windows import Cutter, Windows

# Of one text, in memory while it is learned: 16,000 tokens of an encoder that reads 256.
MOST_KEPT = 64
# The golden ratio: its multiples, each without its whole part, lie apart from one another however many there are.
TURN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class WindowShares:
    """Which rows are windows of which text, and for how much each counts.

    Parameters
    ----------
    owners : ndarray of int64 of shape (n_windows,)
        Position of the text that each window is of, ascending from 0; every text has at least one.
    fractions : ndarray of float64 of shape (n_windows,)
        Weight of each window in its text, 0 to 1; those of a text sum to 1.
    """

    owners: np.ndarray
    fractions: np.ndarray

    @classmethod
    def of(cls, owners: np.ndarray, new_tokens: np.ndarray) -> "WindowShares":
        """Weigh windows by their new tokens."""
        return cls(owners, new_tokens / np.bincount(owners, weights=new_tokens)[owners])

    @property
    def n_texts(self) -> int:
        """Texts that the windows are of."""
        return int(self.owners[-1]) + 1 if len(self.owners) else 0

    def mean(self, numbers: np.ndarray) -> np.ndarray:
        """Average numbers of shape (n_windows, size) over the windows of each text, to shape (n_texts, size)."""
        if self.n_texts == len(self.owners):  # Every text is one window.
            return numbers
        starts = np.flatnonzero(np.diff(self.owners, prepend=-1))
        means: np.ndarray = np.add.reduceat(numbers * self.fractions[:, None], starts, axis=0)
        return means.astype(numbers.dtype)

    def drawn(self, epoch: int, *, random_state: int) -> np.ndarray:
        """Give the position of the one window of each text that an epoch, counted from 0, reads."""
        first = np.random.default_rng(random_state).random(self.n_texts)
        at = (first + epoch * TURN) % 1
        # Over all texts one after another, the fractions run from 0 to the number of texts.
        ends = np.cumsum(self.fractions)
        starts = np.flatnonzero(np.diff(self.owners, prepend=-1))
        lasts = np.append(starts[1:], len(self.owners)) - 1
        return np.clip(np.searchsorted(ends, np.arange(self.n_texts) + at, side="right"), starts, lasts)


def cut_to_learn(cutter: Cutter, inputs: Sequence[Any]) -> tuple[list[np.ndarray], WindowShares]:
    """Cut texts or pairs into the windows that are learned: at most `MOST_KEPT` of each.

    Returns
    -------
    ids : list of ndarray of int32
        Token ids of every window, special tokens included.
    shares : WindowShares
    """
    ids: list[np.ndarray] = []
    owners: list[int] = []
    new_tokens: list[float] = []
    for position, value in enumerate(inputs):
        windows = cutter.cut([value])
        for kept in _evenly(windows):
            ids.append(np.array(windows.ids[kept], dtype=np.int32))
            owners.append(position)
            new_tokens.append(float(windows.new_tokens[kept]))
    return ids, WindowShares.of(np.array(owners, dtype=np.int64), np.array(new_tokens))


def _evenly(windows: Windows) -> list[int]:
    n_windows = len(windows.ids)
    kept: list[int] = np.linspace(0, n_windows - 1, min(MOST_KEPT, n_windows)).astype(int).tolist()
    return kept
