"""A linear model over TF-IDF vectors whose margin is the score: `score_linear.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from metier.predictors.answers import RecordAnswers
from metier.predictors.linear.linear import LinearPredictor
from metier.predictors.loading import as_bundle_error, read_settings, write_settings
from metier.predictors.score_answers import ScoreRule

KIND = "score_linear.v1"


class ScoreLinearPredictor:
    """The only margin of a linear predictor, and the interval around it. Safe to share between threads.

    Parameters
    ----------
    linear : LinearPredictor
        With one column.
    rule : ScoreRule
    """

    labels: tuple[str, ...] = ()

    def __init__(self, linear: LinearPredictor, rule: ScoreRule):
        self.linear = linear
        self.rule = rule
        self.name = linear.name

    def scores(self, texts: Sequence[Any]) -> np.ndarray:
        """Give the score of each text, an ndarray of float64 of shape (n_texts,)."""
        return self.linear.logits(texts)[:, 0]

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Answer texts, one after the other: nothing but the answers grows with their number."""
        return self.rule.answer(self.scores(items), self.name)

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
        with as_bundle_error(folder, "does not say how wide intervals are"):
            return cls(linear, ScoreRule.of(read_settings(folder)))
