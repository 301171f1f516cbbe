"""Several methods' sets of labels, averaged: `label_average.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from metier.errors import BundleError
from metier.predictors.answers import LabelSetAnswers
from metier.predictors.composite.members import member_folder
from metier.predictors.label_sets import LabelRule
from metier.predictors.loading import as_bundle_error, load_predictor, read_settings

KIND = "label_average.v1"
SMALLEST_PROBABILITY = 1e-6


def log_odds(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """Give the mean over members of log(p / (1 - p)), of arrays of shape (n_rows, n_labels)."""
    held = np.clip(np.asarray(probabilities), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    mean: np.ndarray = np.log(held / (1 - held)).mean(axis=0)
    return mean


class LabelAveragePredictor:
    """The mean of its members' log-odds, label by label, and thresholds of its own.

    Safe to share between threads if its members are.

    Parameters
    ----------
    members : sequence of predictors of sets of labels
    rule : LabelRule
        What makes probabilities and sets of the mean.
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(self, members: Sequence[Any], rule: LabelRule, *, name: str):
        self.members = tuple(members)
        self.rule = rule
        self.name = name
        self.labels = rule.labels

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `fusion.label_average` wrote; `threads` are those of each member.

        Raises
        ------
        BundleError
            If a member answers with other labels, or the rule is broken.
        """
        settings = read_settings(folder)
        with as_bundle_error(folder, "holds no whole rule"):
            rule = LabelRule.of(settings)
        members = [
            load_predictor(member_folder(folder, entry), threads=threads) for entry in settings["members"]
        ]
        for member in members:
            if member.labels != rule.labels:
                raise BundleError(
                    f"In {folder}, {member.name} answers with {len(member.labels)} labels that are not the "
                    f"{len(rule.labels)} of the whole. Join methods trained on the same labels."
                )
        return cls(members, rule, name=settings["name"])

    def predict(self, texts: Sequence[str]) -> LabelSetAnswers:
        """Answer texts; a long sequence is worked off in batches by the members."""
        margins = log_odds([member.predict(texts).probabilities for member in self.members])
        return self.rule.answer(margins, self.name)
