"""A linear model a label over TF-IDF vectors, and the rule that makes sets of labels of its margins."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from metier.predictors.answers import LabelSetAnswers
from metier.predictors.label_sets import LabelRule
from metier.predictors.linear.linear import LinearPredictor
from metier.predictors.loading import as_bundle_error, read_settings, write_settings

KIND = "many_labels_linear.v1"


class ManyLabelsLinearPredictor:
    """Margins of a linear predictor, each label answered by itself. Safe to share between threads.

    Parameters
    ----------
    linear : LinearPredictor
        Whose columns are the labels, and whose temperature is 1.
    rule : LabelRule
    """

    def __init__(self, linear: LinearPredictor, rule: LabelRule):
        self.linear = linear
        self.rule = rule
        self.name = linear.name
        self.labels = rule.labels

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Give the probability of each label, an ndarray of float64 of shape (n_texts, n_labels)."""
        return self.rule.probabilities(self.linear.logits(texts))

    def predict(self, texts: Sequence[str]) -> LabelSetAnswers:
        """Answer texts, one after the other: nothing but the answers grows with their number."""
        return self.rule.answer(self.linear.logits(texts), self.name)

    def save(self, folder: Path) -> None:
        """Write the predictor's files to a folder."""
        self.linear.save(folder)
        write_settings(folder, {**read_settings(folder), **self.rule.settings(), "kind": KIND})

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; an answer is too quick to share, so `threads` changes nothing.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        linear = LinearPredictor.load(folder, threads=threads)
        with as_bundle_error(folder, "does not say from when on a label is answered"):
            return cls(linear, LabelRule.of(read_settings(folder)))
