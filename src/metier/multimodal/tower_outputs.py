"""What a tower of texts and a tower of images gave of some rows, and which rows lack one of the two."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch

TEXT, IMAGE = "text", "image"
BOTH = "both"
CASES = (BOTH, TEXT, IMAGE)  # What of a row is there: its text and its image, its text alone, its image alone.


@dataclass(frozen=True)
class TowerOutputs:
    """The two towers' numbers of some rows.

    Parameters
    ----------
    text : ndarray of float32 of shape (n_rows, text_size)
    image : ndarray of float32 of shape (n_rows, image_size)
        Zeros, as in `text`, where there is none.
    has_text, has_image : ndarray of bool of shape (n_rows,)
    tokens : tuple of ndarray of float32, default=()
        The states of each text's tokens, each of shape (n_tokens, text_size), where a fusion looks at them; of a row
        without a text one state of zeros.
    """

    text: np.ndarray
    image: np.ndarray
    has_text: np.ndarray
    has_image: np.ndarray
    tokens: tuple[np.ndarray, ...] = ()

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, positions: np.ndarray) -> Self:
        """The rows at these positions, in this order."""
        some = np.asarray(positions, dtype=np.int64)
        return replace(
            self,
            text=self.text[some],
            image=self.image[some],
            has_text=self.has_text[some],
            has_image=self.has_image[some],
            tokens=tuple(self.tokens[int(row)] for row in some) if self.tokens else (),
        )

    @property
    def has_both(self) -> np.ndarray:
        """Which rows have a text and an image, bool of shape (n_rows,)."""
        return np.asarray(self.has_text & self.has_image)

    def showing(self, case: str) -> Self:
        """The same rows with nothing but what a case has: `text`, `image` or `both`."""
        if case == TEXT:
            return replace(self, image=np.zeros_like(self.image), has_image=np.zeros_like(self.has_image))
        if case == IMAGE:
            return replace(
                self,
                text=np.zeros_like(self.text),
                has_text=np.zeros_like(self.has_text),
                tokens=tuple(np.zeros_like(states[:1]) for states in self.tokens),
            )
        return self

    def joined(self, *others: Self) -> Self:
        """These rows and others after them."""
        parts = (self, *others)
        return replace(
            self,
            text=np.concatenate([part.text for part in parts]),
            image=np.concatenate([part.image for part in parts]),
            has_text=np.concatenate([part.has_text for part in parts]),
            has_image=np.concatenate([part.has_image for part in parts]),
            tokens=tuple(states for part in parts for states in part.tokens),
        )

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Give what a fusion takes: numbers of the texts, of the images, and whether each is there (1 or 0).

        Where a fusion looks at tokens the texts are padded states of shape (n_rows, n_tokens, text_size), and their
        mask of shape (n_rows, n_tokens) is what says that they are there.
        """
        text, has_text = self.text, self.has_text[:, None].astype(np.float32)
        if self.tokens:
            text, has_text = padded(self.tokens)
            has_text = has_text * self.has_text[:, None]
        arrays = (text, self.image, has_text, self.has_image[:, None])
        return tuple(torch.from_numpy(np.asarray(array, dtype=np.float32)) for array in arrays)


def padded(states: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Give token states as one array of shape (n_rows, n_tokens, size), and the mask of what is no padding."""
    longest = max(len(one) for one in states)
    found = np.zeros((len(states), longest, states[0].shape[1]), dtype=np.float32)
    mask = np.zeros((len(states), longest), dtype=np.float32)
    for row, one in enumerate(states):
        found[row, : len(one)], mask[row, : len(one)] = one, 1.0
    return found, mask


def case_of(outputs: TowerOutputs) -> np.ndarray:
    """Give what of each row is there, as a position in `CASES`, int of shape (n_rows,)."""
    cases: Any = np.where(outputs.has_both, 0, np.where(outputs.has_text, 1, 2))
    return np.asarray(cases)
