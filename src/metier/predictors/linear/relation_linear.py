"""A linear model over the words between and around two entities: `relation_linear.v1`."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from metier.evaluation.softmax import softmax
from metier.features.relation_features import relation_features
from metier.features.relation_syntax import syntax_features
from metier.predictors.answers import Answers
from metier.predictors.loading import as_bundle_error, read_settings, write_settings
from metier.tasks.entity_pairs import as_entity_pairs
from metier.text.parsing import ENGLISH, parser_version

KIND = "relation_linear.v1"
WEIGHTS_FILE = "weights.safetensors"
VOCABULARY_FILE = "vocabulary.json"


def read_features(items: Sequence[Mapping[str, Any]], *, syntax: bool) -> Iterator[list[str]]:
    """Give the features of items, those of their parse included where asked."""
    if not syntax:
        return map(relation_features, items)
    both = zip(map(relation_features, items), syntax_features(items), strict=True)
    return (words + path for words, path in both)


class RelationVectors:
    """Turns features into sparse TF-IDF vectors of length 1 over a fixed vocabulary. Safe to share between threads.

    Parameters
    ----------
    vocabulary : sequence of str
        The known features, in the order of their columns.
    idf : ndarray of float64 of shape (n_features,)
        Inverse document frequency of each.
    """

    def __init__(self, vocabulary: Sequence[str], idf: np.ndarray):
        self.vocabulary = vocabulary
        self.idf = np.ascontiguousarray(idf, dtype=np.float64)
        self._columns = {feature: column for column, feature in enumerate(vocabulary)}

    def vector(self, features: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Give the columns that are not zero, in ascending order, and their values."""
        get = self._columns.get
        counts = Counter(column for feature in features if (column := get(feature)) is not None)
        columns = np.array(sorted(counts), dtype=np.int64)
        values = np.array([counts[column] for column in columns.tolist()], dtype=np.float64)
        values = (1 + np.log(values)) * self.idf[columns]
        return columns, values / (np.sqrt(values @ values) or 1.0)


class RelationLinearPredictor:
    """Softmax of (vector x weights + bias) / temperature. Safe to share between threads.

    Parameters
    ----------
    vectors : RelationVectors
    weights : ndarray of float32 of shape (n_features, n_classes)
    bias : ndarray of float64 of shape (n_classes,)
    temperature : float
    labels : sequence of str
    name : str
        Versioned name of the method that left this predictor.
    syntax : bool
        Whether texts are parsed, which needs spaCy wherever this answers.
    """

    def __init__(
        self,
        *,
        vectors: RelationVectors,
        weights: np.ndarray,
        bias: np.ndarray,
        temperature: float,
        labels: Sequence[str],
        name: str,
        syntax: bool = False,
    ):
        self.vectors = vectors
        self.weights = np.ascontiguousarray(weights, dtype=np.float32)
        self.bias = np.ascontiguousarray(bias, dtype=np.float64)
        self.temperature = temperature
        self.labels = tuple(labels)
        self.name = name
        self.syntax = syntax

    def predict(self, items: Sequence[Any]) -> Answers:
        """Answer texts with two marked entities, one after the other.

        Raises
        ------
        EntityError
            If an entity is not where its offsets say.
        """
        return Answers(self.probabilities(as_entity_pairs(items)), self.labels, (self.name,) * len(items))

    def probabilities(self, items: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Give calibrated probabilities of checked items, an ndarray of float64 of shape (n_items, n_classes)."""
        logits = np.empty((len(items), len(self.bias)))
        for row, features in enumerate(read_features(items, syntax=self.syntax)):
            columns, values = self.vectors.vector(features)
            logits[row] = values @ self.weights.take(columns, axis=0)
        return softmax((logits + self.bias) / self.temperature)

    def save(self, folder: Path) -> None:
        """Write the predictor's files to a folder."""
        written = json.dumps(list(self.vectors.vocabulary), ensure_ascii=False)
        (folder / VOCABULARY_FILE).write_text(written, encoding="utf-8")
        arrays = {"weights": self.weights, "bias": self.bias, "idf": self.vectors.idf}
        save_file(arrays, folder / WEIGHTS_FILE)
        settings = {
            "kind": KIND,
            "name": self.name,
            "labels": list(self.labels),
            "temperature": self.temperature,
            "syntax": self.syntax,
            # What must be installed wherever this answers, besides the light core.
            "needs": {ENGLISH: parser_version()} if self.syntax else {},
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
        with as_bundle_error(folder, "holds no whole relation predictor"):
            arrays = load_file(folder / WEIGHTS_FILE)
            vocabulary = json.loads((folder / VOCABULARY_FILE).read_text(encoding="utf-8"))
            return cls(
                vectors=RelationVectors(vocabulary, arrays["idf"]),
                weights=arrays["weights"],
                bias=arrays["bias"],
                temperature=settings["temperature"],
                labels=settings["labels"],
                name=settings["name"],
                syntax=settings["syntax"],
            )
