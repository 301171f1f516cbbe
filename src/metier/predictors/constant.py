"""The same answer to every input: the baseline."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from metier.predictors.loading import read_settings, write_settings
from metier.tasks.answer_batches import AnswerBatch, Answers, LabelSetAnswers

ONE_LABEL, LABEL_SETS = "constant.v1", "constant_labels.v1"
THRESHOLD = 0.5  # Of sets: the labels that more than half of the training rows had.


class ConstantPredictor:
    """Answers with the shares that the labels had in training.

    Parameters
    ----------
    probabilities : sequence of float
        Share of the training rows that had each label, 0 to 1; of `constant.v1` together 1.
    labels : sequence of str
    name : str
        Versioned name of the method that left this predictor.
    kind : {"constant.v1", "constant_labels.v1"}
        Whether an answer is the most frequent label, or the set of those that more than half of the rows had.
    """

    def __init__(
        self, *, probabilities: Sequence[float], labels: Sequence[str], name: str, kind: str = ONE_LABEL
    ):
        self.shares = np.asarray(probabilities, dtype=np.float64)
        self.labels = tuple(labels)
        self.name = name
        self.kind = kind

    def predict(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer items without looking at them."""
        given, names = np.tile(self.shares, (len(items), 1)), (self.name,) * len(items)
        if self.kind == ONE_LABEL:
            return Answers(given, self.labels, names)
        return LabelSetAnswers(given, self.labels, np.full(len(self.labels), THRESHOLD), names)

    def save(self, folder: Path) -> None:
        """Write the predictor's one file to a folder."""
        labels, shares = list(self.labels), self.shares.tolist()
        facts = {"kind": self.kind, "name": self.name, "labels": labels, "probabilities": shares}
        write_settings(folder, facts)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; `threads` changes nothing."""
        settings = read_settings(folder)
        return cls(**{key: settings[key] for key in ("kind", "name", "labels", "probabilities")})
