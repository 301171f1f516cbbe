"""A linear model over TF-IDF vectors, answered by a dictionary lookup and one gather."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from safetensors.numpy import load_file, save_file

from metier.features.tfidf import TfidfVectors
from metier.predictors.answers import Answers
from metier.predictors.loading import as_bundle_error, read_settings, write_settings

KIND = "linear.v1"
WEIGHTS_FILE = "weights.safetensors"


class LinearPredictor:
    """Softmax of (TF-IDF vector x weights + bias) / temperature. Safe to share between threads.

    Parameters
    ----------
    vectors : TfidfVectors
        Turns a text into columns and values.
    weights : ndarray of float32 of shape (n_columns, n_classes)
        One row a column of the vectors, so that a text's rows are gathered in one go.
    bias : ndarray of shape (n_classes,)
    temperature : float
        Fitted on validation; margins of a support vector machine become probabilities by it.
    labels : tuple of str
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(
        self,
        *,
        vectors: TfidfVectors,
        weights: np.ndarray,
        bias: np.ndarray,
        temperature: float,
        labels: Sequence[str],
        name: str,
    ):
        self.vectors = vectors
        # safetensors writes the bytes as they lie, so a transposed array would come back scrambled.
        self.weights = np.ascontiguousarray(weights, dtype=np.float32)
        self.bias = np.ascontiguousarray(bias, dtype=np.float64)
        self.temperature = temperature
        self.labels = tuple(labels)
        self.name = name

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """Give the margins of texts, before the temperature: ndarray of shape (n_texts, n_classes)."""
        logits = np.empty((len(texts), len(self.bias)))
        for row, text in enumerate(texts):
            columns, values = self.vectors.vector(text)
            # float64 values lift the sum to float64: a long text adds up thousands of small numbers.
            logits[row] = values @ self.weights.take(columns, axis=0)
        logits += self.bias
        return logits

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Give calibrated probabilities, an ndarray of float64 of shape (n_texts, n_classes)."""
        scaled = self.logits(texts)
        scaled /= self.temperature
        scaled -= scaled.max(axis=1, keepdims=True)
        np.exp(scaled, out=scaled)
        scaled /= scaled.sum(axis=1, keepdims=True)
        return scaled

    def predict(self, texts: Sequence[str]) -> Answers:
        """Answer texts, one after the other: nothing but the answers grows with their number."""
        return Answers(self.probabilities(texts), self.labels, (self.name,) * len(texts))

    def save(self, folder: Path) -> None:
        """Write the predictor's files to a folder."""
        self.vectors.save(folder)
        save_file({"weights": self.weights, "bias": self.bias}, folder / WEIGHTS_FILE)
        settings = {
            "kind": KIND,
            "name": self.name,
            "labels": list(self.labels),
            "temperature": self.temperature,
        }
        write_settings(folder, settings)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; an answer is too quick to share, so `threads` changes nothing.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        settings = read_settings(folder)
        with as_bundle_error(folder, "holds no whole linear predictor"):
            arrays = load_file(folder / WEIGHTS_FILE)
            return cls(
                vectors=TfidfVectors.load(folder),
                weights=arrays["weights"],
                bias=arrays["bias"],
                temperature=settings["temperature"],
                labels=settings["labels"],
                name=settings["name"],
            )
