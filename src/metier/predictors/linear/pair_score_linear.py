"""A linear model over what two texts share, whose margin is the score of the pair: `pair_score_linear.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from metier.features.pair_features import PairFeatures
from metier.predictors.answers import RecordAnswers
from metier.predictors.loading import as_bundle_error, read_settings, write_settings
from metier.predictors.score_answers import ScoreRule
from metier.tasks.pairs import as_pairs

KIND = "pair_score_linear.v1"
WEIGHTS_FILE = "weights.safetensors"


class PairScoreLinearPredictor:
    """Features x weights + bias, and the interval around it. Safe to share between threads.

    Parameters
    ----------
    features : PairFeatures
    weights : ndarray of shape (n_features, 1)
    bias : ndarray of shape (1,)
    rule : ScoreRule
    name : str
        Versioned name of the method that left this predictor.
    """

    labels: tuple[str, ...] = ()

    def __init__(
        self, *, features: PairFeatures, weights: np.ndarray, bias: np.ndarray, rule: ScoreRule, name: str
    ):
        self.features = features
        self.weights = np.ascontiguousarray(weights, dtype=np.float64)
        self.bias = np.ascontiguousarray(bias, dtype=np.float64)
        self.rule = rule
        self.name = name

    def scores(self, items: Sequence[Any]) -> np.ndarray:
        """Give the score of each pair, an ndarray of float64 of shape (n_pairs,)."""
        if len(items) == 0:
            return np.zeros(0)
        return np.asarray(self.features.matrix(as_pairs(items)) @ self.weights + self.bias)[:, 0]

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Answer pairs, one after the other: mappings with `text` and `text_pair`, or two texts each.

        Raises
        ------
        MissingSideError
            If a pair has only one text.
        """
        return self.rule.answer(self.scores(items), self.name)

    def save(self, folder: Path) -> None:
        """Write the predictor's files to a folder."""
        features = self.features.save(folder)
        save_file({"weights": self.weights, "bias": self.bias}, folder / WEIGHTS_FILE)
        write_settings(folder, {"kind": KIND, "name": self.name, **features, **self.rule.settings()})

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; an answer is too quick to share, so `threads` changes nothing.

        Raises
        ------
        BundleError
            If a file is missing or broken, or its features are not those of this version.
        """
        settings = read_settings(folder)
        with as_bundle_error(folder, "holds no whole predictor of scores"):
            arrays = load_file(folder / WEIGHTS_FILE)
            return cls(
                features=PairFeatures.load(folder, settings),
                weights=arrays["weights"],
                bias=arrays["bias"],
                rule=ScoreRule.of(settings),
                name=settings["name"],
            )
