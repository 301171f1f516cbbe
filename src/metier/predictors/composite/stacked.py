"""The answers of several methods put under one linear head: `stacked.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file

from metier.predictors.composite.average import log_probabilities
from metier.predictors.composite.members import NOTHING, Composed, Known, Member, load_members
from metier.predictors.loading import as_bundle_error, read_settings
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers.label import LabelDecoder

KIND = "stacked.v1"
HEAD_FILE = "head.safetensors"


def evidence_of(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """Give what the head takes of the members' probabilities: their logarithms, each member's around 0, side by side.

    Returns
    -------
    ndarray of float64 of shape (n_rows, n_members * n_labels)
    """
    logs = [log_probabilities(np.array(one, dtype=np.float64)) for one in probabilities]
    return np.concatenate([one - one.mean(axis=1, keepdims=True) for one in logs], axis=1)


class StackedPredictor(Composed):
    """A linear head on the logarithms of its members' probabilities.

    Safe to share between threads if its members are.

    Parameters
    ----------
    members : sequence of Member
    weight : ndarray of shape (n_labels, n_members * n_labels)
    bias : ndarray of shape (n_labels,)
    decoder : LabelDecoder
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(
        self,
        members: Sequence[Member],
        weight: np.ndarray,
        bias: np.ndarray,
        decoder: LabelDecoder,
        *,
        name: str,
    ):
        self.members = tuple(members)
        self.decoder = decoder
        self.labels = decoder.labels
        self.name = name
        self._weight = np.asarray(weight, dtype=np.float64).T
        self._bias = np.asarray(bias, dtype=np.float64)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `fusion.stacked` wrote; `threads` are those of each member.

        Raises
        ------
        BundleError
            If a member answers with other labels, or the head is broken.
        """
        settings = read_settings(folder)
        with as_bundle_error(folder, "does not hold a complete stack"):
            decoder = LabelDecoder.of(settings)
            head = load_file(folder / HEAD_FILE)
            weight, bias = head["weight"], head["bias"]
        members = load_members(folder, settings["members"], labels=decoder.labels, threads=threads)
        return cls(members, weight, bias, decoder, name=settings["name"])

    def predict(self, items: Sequence[Any], *, known: Known = NOTHING) -> AnswerBatch:
        """Answer items; members whose answers are `known` are not asked."""
        answers = [member.answer(items, known).probabilities for member in self.members]
        return self.decoder.answer(evidence_of(answers) @ self._weight + self._bias, self.name)
