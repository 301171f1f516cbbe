"""Features times weights, and what a decoder makes of the logits: the one predictor that weighs features.

The folder holds the files of the features, `weights.safetensors`, and `predictor.json`, whose kind says which features
these are and which answers are decoded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from safetensors.numpy import save_file

from metier.features.pair_features import PairFeatures
from metier.features.relation_vectors import RelationVectors
from metier.features.tfidf import TfidfVectors
from metier.predictors.evidence import Evidence, scaled_logits
from metier.predictors.linear.stored_weights import unpacked
from metier.predictors.loading import as_bundle_error, read_settings, write_settings
from metier.predictors.mapped_arrays import map_arrays
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers import CUMULATIVE_GRADE, LABEL, LABEL_SET, RELATION, SCORE, Decodable, Decoder
from metier.tasks.answers.label import LabelDecoder

WEIGHTS_FILE = "weights.safetensors"


class Features(Protocol):
    """Turns items into numbers, the same in training and in answering."""

    weight_type: ClassVar[type[np.floating[Any]]]

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What is kept beside the weights."""
        ...

    def read(self, items: Sequence[Any]) -> Sequence[Any]:
        """Check what is asked."""
        ...

    def products(self, items: Sequence[Any], weights: np.ndarray) -> np.ndarray:
        """Give the numbers of checked items times weights, an ndarray of float64 of shape (n_items, n_logits)."""
        ...

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the files of the features; gives what `predictor.json` is to keep."""
        ...

    @classmethod
    def load(cls, folder: Path, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """Read what `save` wrote."""
        ...


@dataclass(frozen=True)
class LinearKind:
    """What a kind of linear predictor is made of."""

    features: type[Features]
    answer: Decodable


LINEAR_KINDS = {
    "linear.v1": LinearKind(TfidfVectors, LABEL),
    "many_labels_linear.v1": LinearKind(TfidfVectors, LABEL_SET),
    "ordinal_linear.v1": LinearKind(TfidfVectors, CUMULATIVE_GRADE),
    "score_linear.v1": LinearKind(TfidfVectors, SCORE),
    "pair_linear.v1": LinearKind(PairFeatures, LABEL),
    "pair_score_linear.v1": LinearKind(PairFeatures, SCORE),
    "relation_linear.v1": LinearKind(RelationVectors, RELATION),
}


def kind_of(features: Features, answer: Decodable) -> str:
    """Give the kind of predictor that is made of these features and answers."""
    wanted = LinearKind(type(features), answer)
    return next(kind for kind, made_of in LINEAR_KINDS.items() if made_of == wanted)


class LinearPredictor:
    """Features times weights plus bias, decoded. Safe to share between threads.

    Parameters
    ----------
    features : Features
    weights : ndarray of shape (n_columns, n_logits)
    bias : ndarray of shape (n_logits,)
    decoder : Decoder
    kind : str
        Of `LINEAR_KINDS`.
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(
        self,
        features: Features,
        weights: np.ndarray,
        bias: np.ndarray,
        decoder: Decoder,
        *,
        kind: str,
        name: str,
    ):
        self.features = features
        # safetensors writes the bytes as they lie, so a transposed array would come back scrambled.
        self.weights: np.ndarray = np.ascontiguousarray(weights, dtype=features.weight_type)
        self.bias = np.ascontiguousarray(bias, dtype=np.float64)
        self.decoder = decoder
        self.kind = kind
        self.name = name
        self.labels = decoder.labels

    def logits(self, items: Sequence[Any]) -> np.ndarray:
        """Give the logits of checked items: ndarray of float64 of shape (n_items, n_logits)."""
        logits = self.features.products(items, self.weights)
        logits += self.bias
        return logits

    def predict(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer items, one after the other: nothing but the answers grows with their number."""
        return self.decoder.answer(self.logits(self.features.read(items)), self.name)

    @property
    def has_evidence(self) -> bool:
        """Whether one label is answered, of the rows of TF-IDF."""
        return isinstance(self.features, TfidfVectors) and isinstance(self.decoder, LabelDecoder)

    def evidence(self, items: Sequence[Any]) -> tuple[AnswerBatch, Evidence]:
        """Answer items, and give the logits and the rows of TF-IDF that the answers were made of."""
        read = self.features.read(items)
        rows = self.features.rows(read) if isinstance(self.features, TfidfVectors) else None
        logits = self.logits(read)
        answers: Any = self.decoder.answer(logits, self.name)
        return answers, Evidence(answers.probabilities, scaled_logits(self.decoder, logits), rows)

    def save(self, folder: Path) -> None:
        """Write the predictor's files to a folder."""
        kept = self.features.save(folder)
        arrays = {"weights": self.weights, "bias": self.bias, **self.features.arrays}
        save_file(arrays, folder / WEIGHTS_FILE)
        write_settings(folder, {"kind": self.kind, "name": self.name, **self.decoder.settings(), **kept})

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; an answer is too quick to share, so `threads` changes nothing.

        Raises
        ------
        BundleError
            If a file is missing or broken, or its features are not those of this version.
        """
        settings = read_settings(folder)
        made_of = LINEAR_KINDS[settings["kind"]]
        with as_bundle_error(folder, "does not hold a complete linear predictor"):
            arrays = map_arrays(folder / WEIGHTS_FILE)
            return cls(
                made_of.features.load(folder, settings, arrays),
                unpacked(arrays),
                arrays["bias"],
                made_of.answer.read_decoder(settings),
                kind=settings["kind"],
                name=settings["name"],
            )
