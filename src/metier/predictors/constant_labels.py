"""The same set of labels for every text: the floor of methods that give many labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from metier.predictors.answers import LabelSetAnswers
from metier.predictors.loading import read_settings, write_settings

KIND = "constant_labels.v1"
THRESHOLD = 0.5


class ConstantLabelsPredictor:
    """Answers every text with the labels that more than half of the training rows had.

    Parameters
    ----------
    probabilities : sequence of float
        Share of the training rows that had each label, 0 to 1.
    labels : sequence of str
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(self, *, probabilities: Sequence[float], labels: Sequence[str], name: str):
        self.shares = np.asarray(probabilities, dtype=np.float64)
        self.labels = tuple(labels)
        self.name = name

    def predict(self, texts: Sequence[str]) -> LabelSetAnswers:
        """Answer texts without looking at them."""
        given = np.tile(self.shares, (len(texts), 1))
        thresholds = np.full(len(self.labels), THRESHOLD)
        return LabelSetAnswers(given, self.labels, thresholds, (self.name,) * len(texts))

    def save(self, folder: Path) -> None:
        """Write the predictor's one file to a folder."""
        labels, shares = list(self.labels), self.shares.tolist()
        write_settings(folder, {"kind": KIND, "name": self.name, "labels": labels, "probabilities": shares})

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; `threads` changes nothing."""
        settings = read_settings(folder)
        return cls(probabilities=settings["probabilities"], labels=settings["labels"], name=settings["name"])
