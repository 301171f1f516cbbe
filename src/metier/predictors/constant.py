"""The same probabilities for every text: the floor that other predictors are measured from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from metier.predictors.answers import Answers
from metier.predictors.loading import read_settings, write_settings

KIND = "constant.v1"


class ConstantPredictor:
    """Answers every text with the shares that the labels had in training.

    Parameters
    ----------
    probabilities : sequence of float
        Share of each label, 0 to 1, together 1.
    labels : sequence of str
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(self, *, probabilities: Sequence[float], labels: Sequence[str], name: str):
        self.shares = np.asarray(probabilities, dtype=np.float64)
        self.labels = tuple(labels)
        self.name = name

    def predict(self, texts: Sequence[str]) -> Answers:
        """Answer texts without looking at them."""
        return Answers(np.tile(self.shares, (len(texts), 1)), self.labels, (self.name,) * len(texts))

    def save(self, folder: Path) -> None:
        """Write the predictor's one file to a folder."""
        labels, shares = list(self.labels), self.shares.tolist()
        write_settings(folder, {"kind": KIND, "name": self.name, "labels": labels, "probabilities": shares})

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; `threads` changes nothing."""
        settings = read_settings(folder)
        return cls(probabilities=settings["probabilities"], labels=settings["labels"], name=settings["name"])
