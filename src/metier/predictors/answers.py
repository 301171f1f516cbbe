"""What every predictor gives back, and the contract it keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np


@dataclass(frozen=True)
class Answers:
    """Answers to a batch of texts, one a text.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_classes)
        Each row sums to 1; columns in the order of `labels`.
    labels : tuple of str
        The label space.
    answered_by : tuple of str
        For each text, the versioned name of the method that had the last word.
    """

    probabilities: np.ndarray
    labels: tuple[str, ...]
    answered_by: tuple[str, ...]

    @property
    def best(self) -> np.ndarray:
        """Index of the most probable label for each text, an ndarray of shape (n_texts,)."""
        return self.probabilities.argmax(axis=1)

    @property
    def predicted(self) -> list[str]:
        """The most probable label for each text."""
        return [self.labels[index] for index in self.best]

    def __len__(self) -> int:
        return len(self.probabilities)


class Predictor(Protocol):
    """Answers from files: thread-safe, no global state, bounded memory, no torch."""

    name: str
    labels: tuple[str, ...]

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load from a folder that a method's `export` wrote. `threads` is for one call, not for the process."""
        ...

    def predict(self, texts: Sequence[str]) -> Answers:
        """Answer texts; a long sequence is worked off in batches."""
        ...
