"""Several methods' scores, averaged: `score_average.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from metier.predictors.answers import RecordAnswers
from metier.predictors.composite.members import member_folder
from metier.predictors.loading import as_bundle_error, load_predictor, read_settings
from metier.predictors.score_answers import ScoreRule

KIND = "score_average.v1"


class ScoreAveragePredictor:
    """The weighted sum of its members' scores, and the interval around it.

    Safe to share between threads if its members are.

    Parameters
    ----------
    members : sequence of predictors of scores
    weights : sequence of float
        One each a member; they need not sum to 1.
    rule : ScoreRule
    name : str
        Versioned name of the method that left this predictor.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, members: Sequence[Any], weights: Sequence[float], rule: ScoreRule, *, name: str):
        self.members = tuple(members)
        self.weights = tuple(weights)
        self.rule = rule
        self.name = name

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `fusion.score_average` wrote; `threads` are those of each member.

        Raises
        ------
        BundleError
            If what it says of its members or of the interval is broken.
        """
        settings = read_settings(folder)
        with as_bundle_error(folder, "holds no whole average"):
            rule, entries = ScoreRule.of(settings), settings["members"]
            weights = [float(entry["weight"]) for entry in entries]
        members = [load_predictor(member_folder(folder, entry), threads=threads) for entry in entries]
        return cls(members, weights, rule, name=settings["name"])

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Answer texts, or pairs as the members take them."""
        scores = np.array([member.predict(items).predicted for member in self.members], dtype=np.float64)
        return self.rule.answer(np.asarray(self.weights) @ scores, self.name)
