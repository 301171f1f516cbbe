"""What training knows of rows and of a model, whatever is in them: tokens, pixels or sound.

An objective and the loop call `model(batch)`. Of a batch they know how many rows it has, what these are to be answered
with, and how it gets to a device; what else is in it, the model reads.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
import torch


class Batch(Protocol):
    """Some rows, ready for a model; a dataclass, so that it can be given other labels.

    Attributes
    ----------
    labels : Tensor or None
        Of int64 of shape (n_rows,), or what the task has instead; None where they are unknown.
    """

    @property
    def labels(self) -> torch.Tensor | None:
        """What the rows are to be answered with."""
        ...

    def __len__(self) -> int: ...

    def to(self, device: torch.device) -> Self:
        """The same rows on a device."""
        ...


AnyBatch = TypeVar("AnyBatch", bound=Batch)


def with_labels(batch: AnyBatch, labels: torch.Tensor) -> AnyBatch:
    """Give the rows of a batch other labels."""
    given: Any = batch  # A protocol cannot say that it is a dataclass.
    return dataclasses.replace(given, labels=labels)  # type: ignore[no-any-return]


def known_labels(batch: Batch) -> torch.Tensor:
    """Give the labels of a batch that has some."""
    assert batch.labels is not None
    return batch.labels


class Rows(Protocol):
    """Rows to learn from, which become batches when they are read.

    An entry is what a batch takes: a row, or one of the windows that a long row was cut into.

    Attributes
    ----------
    truth : ndarray or None
        What each row is to be answered with.
    lengths : ndarray of int64 of shape (n_entries,)
        What each entry costs, in tokens or whatever a budget is counted in.
    """

    @property
    def truth(self) -> np.ndarray | None:
        """What each row is to be answered with."""
        ...

    @property
    def lengths(self) -> np.ndarray:
        """What each entry costs."""
        ...

    def __len__(self) -> int: ...

    def read_in(self, epoch: int, *, random_state: int) -> np.ndarray:
        """Positions of the entries that an epoch, counted from 0, reads: one a row."""
        ...

    def batch(self, positions: np.ndarray) -> Batch:
        """The entries at these positions as one batch."""
        ...

    def mean(self, numbers: np.ndarray) -> np.ndarray:
        """Give the numbers of each row from those of each entry, of shape (n_entries, size)."""
        ...

    def contents(self) -> Iterator[bytes]:
        """Give what the rows are and are to be answered with, for a digest."""
        ...

    def in_order_of_length(self, token_budget: int) -> Iterator[tuple[np.ndarray, Batch]]:
        """Every entry once, for answering: positions and their batch."""
        ...


class Headed(Protocol):
    """A Module whose `forward(batch)` gives logits: an encoder, and a head on what it makes of a row."""

    encoder: Any
    head: torch.nn.Module


@runtime_checkable
class Embeds(Protocol):
    """A model that turns what it reads into vectors first, position by position: a token, a patch, a frame.

    What pushes these vectors, or mixes what becomes of them, asks for it: `fgm`, `pgd`, `mixup`.
    """

    def embedding(self) -> torch.nn.Module:
        """The module whose output these vectors are, of shape (n_rows, n_positions, size)."""
        ...

    def positions(self, batch: Any) -> torch.Tensor:
        """1 where a position holds something of its row and 0 where it is padding, of shape (n_rows, n_positions)."""
        ...
