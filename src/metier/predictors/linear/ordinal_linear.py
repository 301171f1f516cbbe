"""Linear models over TF-IDF vectors that say how likely a text is above each grade: `ordinal_linear.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from metier.predictors.answers import Answers
from metier.predictors.linear.linear import LinearPredictor
from metier.predictors.loading import read_settings, write_settings
from metier.tasks.grading import from_cumulative

KIND = "ordinal_linear.v1"


class OrdinalLinearPredictor:
    """One margin for each step between neighbouring grades. Safe to share between threads.

    Parameters
    ----------
    linear : LinearPredictor
        Whose labels are the grades from the lowest to the highest, one more than its columns.
    """

    def __init__(self, linear: LinearPredictor):
        self.linear = linear
        self.name = linear.name
        self.labels = linear.labels

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Give calibrated probabilities, an ndarray of float64 of shape (n_texts, n_grades)."""
        return from_cumulative(self.linear.logits(texts) / self.linear.temperature)

    def predict(self, texts: Sequence[str]) -> Answers:
        """Answer texts, one after the other: nothing but the answers grows with their number."""
        return Answers(self.probabilities(texts), self.labels, (self.name,) * len(texts))

    def save(self, folder: Path) -> None:
        """Write the predictor's files to a folder."""
        self.linear.save(folder)
        write_settings(folder, {**read_settings(folder), "kind": KIND})

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; raises `BundleError` if a file is missing or broken."""
        return cls(LinearPredictor.load(folder, threads=threads))
