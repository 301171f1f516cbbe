"""Rows of images: decoded when a batch is made, so that memory holds one batch of pixels and not all rows.

An entry is an image as an epoch sees it: as it is, or changed by augmentation. Every row has as many entries as it is
given views, and the epochs take them in turn, as they do the images of a row with several. What an entry looks like
follows from the seed, the row and the view alone, so a resumed run sees what it would have seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import torch

from metier.image.augmentation import NOTHING, Augmentation
from metier.image.picture import Picture
from metier.image.preparation import Preparation


@dataclass(frozen=True)
class PixelBatch:
    """Some images, ready for a model that takes pixels; a `training.batch.Batch`.

    Parameters
    ----------
    pixels : Tensor of uint8 of shape (n_images, height, width, 3)
    labels : Tensor of int64 of shape (n_images,), or what the task has instead; None where they are unknown
    """

    pixels: torch.Tensor
    labels: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def to(self, device: torch.device) -> Self:
        """The same rows on a device."""
        tensors = {name: value.to(device) for name, value in vars(self).items() if value is not None}
        return replace(self, **tensors)


@dataclass(frozen=True)
class MapBatch:
    """What the frozen blocks of a network gave for some images, for the blocks above.

    Parameters
    ----------
    maps : Tensor of float16 of shape (n_images, ...)
    n_blocks : int
        Blocks that gave them.
    labels : Tensor, optional
    """

    maps: torch.Tensor
    n_blocks: int
    labels: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.maps)

    def to(self, device: torch.device) -> Self:
        """The same rows on a device."""
        labels = None if self.labels is None else self.labels.to(device)
        return replace(self, maps=self.maps.to(device), labels=labels)


@dataclass(frozen=True)
class ImageRows:
    """Images and what each is to be answered with; a `training.batch.Rows`.

    Parameters
    ----------
    pictures : sequence of Picture
    truth : ndarray of shape (n_rows, ...), or None
    preparation : Preparation
    augmentation : Augmentation, optional
    views : int
        Entries of each row, at least one for each of its images.
    random_state : int
        Of the augmentation.
    """

    pictures: Sequence[Picture]
    truth: np.ndarray | None
    preparation: Preparation
    augmentation: Augmentation = field(default=NOTHING, kw_only=True)
    views: int = field(default=1, kw_only=True)
    random_state: int = field(default=0, kw_only=True)

    def __post_init__(self) -> None:
        """Give a row with several images a view of each."""
        several = max((len(picture.each) for picture in self.pictures), default=1)
        object.__setattr__(self, "views", max(self.views, several))

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def lengths(self) -> np.ndarray:
        """One for each entry: a budget is counted in images."""
        return np.ones(len(self) * self.views, dtype=np.int64)

    def read_in(self, epoch: int, *, random_state: int) -> np.ndarray:
        """Positions of the entries that an epoch, counted from 0, reads: its view of every row."""
        return epoch % self.views * len(self) + np.arange(len(self))

    def mean(self, numbers: np.ndarray) -> np.ndarray:
        """Give the numbers of each row from those of each entry, of shape (n_entries, size)."""
        found: np.ndarray = numbers.reshape(self.views, len(self), -1).mean(axis=0)
        return found

    def batch(self, positions: np.ndarray) -> PixelBatch:
        """The entries at these positions as one batch."""
        pixels = np.stack([self.pixels(int(position)) for position in positions])
        return PixelBatch(torch.from_numpy(pixels), self.labels(positions))

    def pixels(self, position: int) -> np.ndarray:
        """Give an entry's pixels, an ndarray of uint8 of shape (height, width, 3)."""
        view, row = divmod(position, len(self))
        each = self.pictures[row].each
        found = self.preparation.pixels(each[view % len(each)])
        if not self.augmentation.changes:
            return found
        return self.augmentation.changed(found, np.random.default_rng((self.random_state, position)))

    def labels(self, positions: np.ndarray) -> torch.Tensor | None:
        """Give what a batch is to be answered with."""
        return None if self.truth is None else torch.from_numpy(self.truth[positions % len(self)])

    def contents(self) -> Iterator[bytes]:
        """Give what the rows are and are to be answered with, for a digest."""
        for picture in self.pictures:
            yield "".join(one.content for one in picture.each).encode()
        if self.truth is not None:
            yield self.truth.tobytes()

    def in_order_of_length(self, token_budget: int) -> Iterator[tuple[np.ndarray, Any]]:
        """Every entry once, for answering: positions and their batch, of so many images."""
        for start in range(0, len(self) * self.views, token_budget):
            positions = np.arange(start, min(start + token_budget, len(self) * self.views))
            yield positions, self.batch(positions)
