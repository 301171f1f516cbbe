"""Rows of token ids behind one another in one sequence, ready for a model with `packed_attention`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch


@dataclass(frozen=True)
class PackedBatch:
    """Some rows as one sequence; a `training.batch.Batch`.

    Parameters
    ----------
    input_ids, position_ids, labels : Tensor of int64 of shape (1, n_tokens)
        Positions start at 0 in each row.
    bounds : tuple of int of length n_rows + 1
        Where each row begins, and where the last one ends.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    labels: torch.Tensor
    bounds: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def to(self, device: torch.device) -> Self:
        """The same rows on a device."""
        return replace(
            self,
            input_ids=self.input_ids.to(device),
            position_ids=self.position_ids.to(device),
            labels=self.labels.to(device),
        )

    @classmethod
    def of(cls, ids: Sequence[Sequence[int]], labels: Sequence[Sequence[int]]) -> "PackedBatch":
        """Put rows behind one another."""
        return cls(
            torch.tensor([[token for row in ids for token in row]]),
            torch.cat([torch.arange(len(row)) for row in ids])[None],
            torch.tensor([[label for row in labels for label in row]]),
            (0, *np.cumsum([len(row) for row in ids]).tolist()),
        )

    @property
    def rows(self) -> torch.Tensor:
        """Which row each token is of, of shape (1, n_tokens)."""
        lengths = torch.tensor(self.bounds).diff()
        return torch.arange(len(self)).repeat_interleave(lengths)[None]
