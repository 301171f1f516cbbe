"""Batches of about equal work and almost no padding.

Rows are shuffled, cut into windows, and sorted by length inside each window; batches are then filled up to a
number of tokens and shuffled in turn. A batch holds rows of like length, yet which rows meet changes every
epoch, and its cost on the machine hardly varies. The plan of an epoch depends on the seed and the epoch alone,
so a resumed run finds the same batches without having stored them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch

from metier.features.averaged_windows import Cutter
from metier.features.tokenization import batches_by_length, pad
from metier.training.window_shares import WindowShares, cut_to_learn

# Rows in a window: enough that batches of a thousand tokens are filled with equal lengths, few enough to mix.
WINDOW = 2048


@dataclass(frozen=True)
class TokenBatch:
    """Some texts, ready for a model that reads tokens; a `training.batch.Batch`.

    Parameters
    ----------
    input_ids, mask : Tensor of int64 of shape (n_rows, n_tokens)
    labels : Tensor of int64 of shape (n_rows,), or what the task has instead; None where they are unknown
    """

    input_ids: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.input_ids)

    def to(self, device: torch.device) -> Self:
        """The same rows on a device."""
        tensors = {name: value.to(device) for name, value in vars(self).items() if value is not None}
        return replace(self, **tensors)


@dataclass(frozen=True)
class TokenisedRows:
    """Rows as token ids, padded only when a batch is made.

    A task whose targets are not one number a row overrides `_labels`. Where texts were cut into windows, a row is a
    text: an epoch reads one of its windows, and the outputs of all of them are averaged; see `window_shares`.

    Parameters
    ----------
    ids : sequence of sequence of int, or of ndarray
        Token ids of each row, or of each window.
    truth : ndarray of shape (n_rows, ...), or None
        Of int64 where a row has one label.
    pad_id : int
    shares : WindowShares, default=None
        Which of `ids` are windows of which row; None: each is a row.
    """

    ids: Sequence[Any]
    truth: np.ndarray | None
    pad_id: int
    shares: WindowShares | None = field(default=None, kw_only=True)

    @classmethod
    def cut(
        cls, cutter: Cutter, inputs: Sequence[Any], truth: np.ndarray | None, pad_id: int
    ) -> "TokenisedRows":
        """Cut texts or pairs into the windows that are learned."""
        ids, shares = cut_to_learn(cutter, inputs)
        return TokenisedRows(ids, truth, pad_id, shares=shares)

    def __len__(self) -> int:
        return len(self.ids) if self.shares is None else self.shares.n_texts

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, or window."""
        return np.fromiter(map(len, self.ids), dtype=np.int64, count=len(self.ids))

    def read_in(self, epoch: int, *, random_state: int) -> np.ndarray:
        """Positions in `ids` that an epoch, counted from 0, reads: one a row."""
        if self.shares is None:
            return np.arange(len(self.ids))
        return self.shares.drawn(epoch, random_state=random_state)

    def mean(self, numbers: np.ndarray) -> np.ndarray:
        """Give the numbers of each row from those of each of `ids`, of shape (len(ids), size)."""
        return numbers if self.shares is None else self.shares.mean(numbers)

    def batch(self, positions: np.ndarray) -> TokenBatch:
        """What stands at these positions of `ids` as one batch."""
        input_ids, mask = pad([self.ids[position] for position in positions], pad_id=self.pad_id)
        labels = self._labels(positions, input_ids.shape[1])
        return TokenBatch(torch.from_numpy(input_ids), torch.from_numpy(mask), labels)

    def _labels(self, positions: np.ndarray, width: int) -> torch.Tensor | None:
        """Give what a batch of so many tokens a row is to be answered with."""
        if self.truth is None:
            return None
        rows = positions if self.shares is None else self.shares.owners[positions]
        return torch.from_numpy(self.truth[rows])

    def contents(self) -> Iterator[bytes]:
        """Give what the rows are and are to be answered with, for a digest."""
        for row in self.ids:
            yield np.asarray([len(row), *row], dtype=np.int32).tobytes()
        yield from self.targets()

    def targets(self) -> Iterator[bytes]:
        """Give what the rows are to be answered with, for a digest."""
        if self.truth is not None:
            yield self.truth.tobytes()

    def in_order_of_length(self, token_budget: int) -> Iterator[tuple[np.ndarray, TokenBatch]]:
        """Every row once, and every window of it, for answering: positions in `ids` and their batch."""
        for positions in batches_by_length(self.lengths.tolist(), token_budget=token_budget):
            yield positions, self.batch(positions)


def plan_epoch(
    lengths: np.ndarray, *, token_budget: int, epoch: int, random_state: int, window: int = WINDOW
) -> list[np.ndarray]:
    """Say which rows stand together in each batch of an epoch, and in which order the batches come.

    Parameters
    ----------
    lengths : ndarray of int of shape (n_rows,)
        Tokens of each row.
    token_budget : int
        Most tokens in a batch, padding included; a single longer row is a batch of its own.
    epoch : int
        From 0 on; every epoch mixes anew.

    Returns
    -------
    list of ndarray of int
        Positions; each row occurs once.
    """
    random = np.random.default_rng((random_state, epoch))
    shuffled = random.permutation(len(lengths))
    batches: list[np.ndarray] = []
    for start in range(0, len(shuffled), window):
        rows = shuffled[start : start + window]
        batches += [rows[part] for part in batches_by_length(lengths[rows].tolist(), token_budget=token_budget)]
    return [batches[position] for position in random.permutation(len(batches))]


def padding_fraction(lengths: np.ndarray, plan: Sequence[np.ndarray]) -> float:
    """Share of the tokens computed that are padding, 0 to 1."""
    computed = sum(len(rows) * int(lengths[rows].max()) for rows in plan)
    held = sum(int(lengths[rows].sum()) for rows in plan)
    return 1 - held / computed if computed else 0.0
