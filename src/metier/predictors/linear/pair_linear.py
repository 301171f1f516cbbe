"""A linear model over what two texts share: `pair_linear.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from metier.evaluation.softmax import softmax
from metier.features.pair_features import PairFeatures
from metier.predictors.answers import Answers
from metier.predictors.loading import as_bundle_error, read_settings, write_settings
from metier.tasks.pairs import Pair, as_pairs

KIND = "pair_linear.v1"
WEIGHTS_FILE = "weights.safetensors"


class PairLinearPredictor:
    """Softmax of (features x weights + bias) / temperature. Safe to share between threads.

    Parameters
    ----------
    features : PairFeatures
        Turns a pair into numbers.
    weights : ndarray of shape (n_features, n_classes)
    bias : ndarray of shape (n_classes,)
    temperature : float
    labels : sequence of str
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(
        self,
        *,
        features: PairFeatures,
        weights: np.ndarray,
        bias: np.ndarray,
        temperature: float,
        labels: Sequence[str],
        name: str,
    ):
        self.features = features
        self.weights = np.ascontiguousarray(weights, dtype=np.float64)
        self.bias = np.ascontiguousarray(bias, dtype=np.float64)
        self.temperature = temperature
        self.labels = tuple(labels)
        self.name = name

    def predict(self, items: Sequence[Any]) -> Answers:
        """Answer pairs, one after the other: mappings with `text` and `text_pair`, or two texts each.

        Raises
        ------
        MissingSideError
            If a pair has only one text.
        """
        pairs = as_pairs(items) if len(items) else []
        return Answers(self.probabilities(pairs), self.labels, (self.name,) * len(pairs))

    def probabilities(self, pairs: Sequence[Pair]) -> np.ndarray:
        """Give calibrated probabilities, an ndarray of float64 of shape (n_pairs, n_classes)."""
        margins = self.features.matrix(pairs) @ self.weights + self.bias
        return softmax(margins / self.temperature) if len(pairs) else margins

    def save(self, folder: Path) -> None:
        """Write the predictor's files to a folder."""
        features = self.features.save(folder)
        save_file({"weights": self.weights, "bias": self.bias}, folder / WEIGHTS_FILE)
        settings = {
            "kind": KIND,
            "name": self.name,
            "labels": list(self.labels),
            **features,
            "temperature": self.temperature,
        }
        write_settings(folder, settings)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; an answer is too quick to share, so `threads` changes nothing.

        Raises
        ------
        BundleError
            If a file is missing or broken, or its features are not those of this version.
        """
        settings = read_settings(folder)
        with as_bundle_error(folder, "holds no whole predictor of pairs"):
            arrays = load_file(folder / WEIGHTS_FILE)
            return cls(
                features=PairFeatures.load(folder, settings),
                weights=arrays["weights"],
                bias=arrays["bias"],
                temperature=settings["temperature"],
                labels=settings["labels"],
                name=settings["name"],
            )
