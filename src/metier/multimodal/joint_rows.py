"""Rows of texts with images for two towers that train: token ids and pixels, and which of the two is there.

An entry is a row as an epoch sees it: of those with both a share loses one of the two (modality dropout), which follows
from the seed and the entry alone, so that a resumed run sees what it would have seen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import torch

from metier.features.tokenization import pad
from metier.image.augmentation import NOTHING, Augmentation
from metier.image.picture import Picture
from metier.image.preparation import Preparation
from metier.multimodal.tower_outputs import BOTH, IMAGE, TEXT


@dataclass(frozen=True)
class JointBatch:
    """Some texts with images; a `training.batch.Batch`.

    Parameters
    ----------
    input_ids, mask : Tensor of int64 of shape (n_rows, n_tokens)
    pixels : Tensor of uint8 of shape (n_rows, height, width, 3)
        Black where there is no image.
    has_text, has_image : Tensor of float32 of shape (n_rows, 1)
        1 or 0.
    labels : Tensor of int64 of shape (n_rows,), optional
    maps : Tensor of float16 of shape (n_rows, ...), optional
        What the frozen blocks gave of the images, where that is kept; `pixels` are then empty.
    n_blocks : int
        Blocks that gave them.
    """

    input_ids: torch.Tensor
    mask: torch.Tensor
    pixels: torch.Tensor
    has_text: torch.Tensor
    has_image: torch.Tensor
    labels: torch.Tensor | None = None
    maps: torch.Tensor | None = None
    n_blocks: int = 0

    def __len__(self) -> int:
        return len(self.has_image)

    def to(self, device: torch.device) -> Self:
        """The same rows on a device."""
        tensors = {
            name: value.to(device) for name, value in vars(self).items() if isinstance(value, torch.Tensor)
        }
        return replace(self, **tensors)


@dataclass(frozen=True)
class JointRows:
    """Texts with images, and what each row is to be answered with; a `training.batch.Rows`.

    Parameters
    ----------
    ids : sequence of sequence of int
        Token ids of the first window of each text.
    pictures : sequence of Picture or None
        The first image of each row.
    has_text : ndarray of bool of shape (n_rows,)
    truth : ndarray or None
    pad_id : int
    preparation : Preparation
    views : int
        Entries of each row, which the epochs take in turn.
    dropped : float
        Share of the rows with both that lose one of the two, 0 to 1.
    random_state : int
    augmentation : Augmentation, optional
        How the images of an entry are changed.
    image_views : int
        Changed versions of each image, which the entries of a row take in turn.
    shown : str
        `both`, or the modality that rows are shown with alone.
    """

    ids: Sequence[Sequence[int]]
    pictures: Sequence[Picture | None]
    has_text: np.ndarray
    truth: np.ndarray | None
    pad_id: int
    preparation: Preparation
    views: int = field(default=1, kw_only=True)
    dropped: float = field(default=0.0, kw_only=True)
    random_state: int = field(default=0, kw_only=True)
    augmentation: Augmentation = field(default=NOTHING, kw_only=True)
    image_views: int = field(default=1, kw_only=True)
    shown: str = field(default=BOTH, kw_only=True)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> np.ndarray:
        """One for each entry: a budget is counted in rows."""
        return np.ones(len(self) * self.views, dtype=np.int64)

    def read_in(self, epoch: int, *, random_state: int) -> np.ndarray:
        """Positions of the entries that an epoch, counted from 0, reads: its view of every row."""
        return epoch % self.views * len(self) + np.arange(len(self))

    def mean(self, numbers: np.ndarray) -> np.ndarray:
        """Give the numbers of each row from those of each entry, of shape (n_entries, size)."""
        found: np.ndarray = numbers.reshape(self.views, len(self), -1).mean(axis=0)
        return found

    def batch(self, positions: np.ndarray) -> JointBatch:
        """The entries at these positions as one batch."""
        rows = positions % len(self)
        input_ids, mask = pad([self.ids[row] for row in rows], pad_id=self.pad_id)
        there = np.array([self._shown(int(position)) for position in positions], dtype=np.float32)
        labels = None if self.truth is None else torch.from_numpy(self.truth[rows])
        has_text, has_image = torch.from_numpy(there[:, :1]), torch.from_numpy(there[:, 1:])
        ids, mask = torch.from_numpy(input_ids), torch.from_numpy(mask)
        batch = JointBatch(ids, mask, torch.empty(0), has_text, has_image, labels)
        return self.with_images(batch, positions)

    def with_images(self, batch: JointBatch, positions: np.ndarray) -> JointBatch:
        """Give the batch of these entries with their images."""
        seen = batch.has_image[:, 0] > 0
        size = (self.preparation.height, self.preparation.width, 3)
        pixels = [
            self.pixels(int(one)) if is_seen else np.zeros(size, dtype=np.uint8)
            for one, is_seen in zip(positions, seen, strict=True)
        ]
        return replace(batch, pixels=torch.from_numpy(np.stack(pixels)))

    def image_entry(self, position: int) -> int:
        """Give which of the versions of an image an entry shows: equal ones are the same image, changed alike."""
        n_versions = self.image_views if self.augmentation.changes else 1
        return position % (n_versions * len(self))

    def contents(self) -> Iterator[bytes]:
        """Give what the rows are and are to be answered with, for a digest."""
        for row, picture in zip(self.ids, self.pictures, strict=True):
            yield np.asarray([len(row), *row], dtype=np.int32).tobytes()
            yield b"" if picture is None else picture.content.encode()
        if self.truth is not None:
            yield self.truth.tobytes()

    def in_order_of_length(self, token_budget: int) -> Iterator[tuple[np.ndarray, JointBatch]]:
        """Every entry once, for answering: positions and their batch, of so many rows."""
        for start in range(0, len(self) * self.views, token_budget):
            positions = np.arange(start, min(start + token_budget, len(self) * self.views))
            yield positions, self.batch(positions)

    def _shown(self, position: int) -> tuple[bool, bool]:
        """Say whether an entry shows its text, and its image."""
        row = position % len(self)
        has_text = bool(self.has_text[row]) and self.shown in (BOTH, TEXT)
        has_image = self.pictures[row] is not None and self.shown in (BOTH, IMAGE)
        if not (has_text and has_image and self.dropped):
            return has_text, has_image
        draw = np.random.default_rng((self.random_state, position)).random()
        return draw >= self.dropped / 2, not self.dropped / 2 <= draw < self.dropped

    def pixels(self, position: int) -> np.ndarray:
        """Give the image of an entry, an ndarray of uint8 of shape (height, width, 3); its row has one."""
        picture = self.pictures[position % len(self)]
        assert picture is not None
        found, entry = self.preparation.pixels(picture), self.image_entry(position)
        if not self.augmentation.changes:
            return found
        return self.augmentation.changed(found, np.random.default_rng((self.random_state, entry)))
