"""A head that was updated, on the features of the predictor that it was updated from: `updated_head.v1`.

`features` holds that predictor, whose vectors are taken and whose own head is not; `head.safetensors` weights, biases and
the maps of the vectors (`features.random_maps`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import save_file

from metier.errors import BundleError
from metier.features.random_maps import MAPS, FeatureMap
from metier.predictors.composite.members import Composed
from metier.predictors.evidence import EmbedsTexts, Evidence, GivesEvidence
from metier.predictors.loading import Predictor, as_bundle_error, load_predictor, read_settings, write_settings
from metier.predictors.mapped_arrays import map_arrays
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers.label import LabelDecoder

KIND = "updated_head.v1"
FEATURES_FOLDER, HEAD_FILE = "features", "head.safetensors"
ROWS_AT_ONCE = 1_024


def gives_vectors(predictor: Any) -> bool:
    """Whether a predictor answers with one label by a linear head on vectors: neither an ensemble nor a constant."""
    return (
        isinstance(predictor, GivesEvidence) and predictor.has_evidence and not isinstance(predictor, Composed)
    )


class UpdatedHeadPredictor:
    """Vectors, mapped, times weights. Safe to share between threads if the predictor of the vectors is.

    Parameters
    ----------
    features : Predictor
        One that `gives_vectors`.
    maps : sequence of FeatureMap
        Applied one after the other.
    weights : ndarray of shape (n_columns, n_labels)
    bias : ndarray of shape (n_labels,)
    decoder : LabelDecoder
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(
        self,
        features: Predictor,
        maps: Sequence[FeatureMap],
        weights: np.ndarray,
        bias: np.ndarray,
        decoder: LabelDecoder,
        *,
        name: str,
    ):
        self.features = features
        self.maps = tuple(maps)
        self.weights = np.ascontiguousarray(weights, dtype=np.float32)
        self.bias = np.ascontiguousarray(bias, dtype=np.float64)
        self.decoder = decoder
        self.labels = decoder.labels
        self.name = name

    def predict(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer texts; a long sequence is worked off in batches."""
        logits = np.empty((len(items), len(self.labels)))
        for start in range(0, len(items), ROWS_AT_ONCE):
            some = items[start : start + ROWS_AT_ONCE]
            logits[start : start + len(some)] = self.of_vectors(self.vectors(some))
        return self.decoder.answer(logits, self.name)

    def vectors(self, texts: Sequence[str]) -> Any:
        """Give the vectors that are mapped, an ndarray or `SparseRows`; at least one text."""
        return self.features.evidence(texts)[1].vectors  # type: ignore[attr-defined]

    def of_vectors(self, vectors: Any) -> np.ndarray:
        """Give logits of vectors, an ndarray of float64 of shape (n_rows, n_labels)."""
        mapped = vectors
        for one in self.maps:
            mapped = one(mapped)
        return np.asarray(mapped.astype(np.float32) @ self.weights, dtype=np.float64) + self.bias

    @property
    def has_evidence(self) -> bool:
        """Whether there are logits and vectors: always."""
        return True

    def evidence(self, items: Sequence[Any]) -> tuple[AnswerBatch, Evidence]:
        """Answer texts, and give the logits and vectors that the answers were made of; at least one text."""
        given = self.vectors(items)
        logits = self.of_vectors(given)
        answers: Any = self.decoder.answer(logits, self.name)
        return answers, Evidence(answers.probabilities, logits / self.decoder.temperature, given)

    @property
    def embeds_texts(self) -> bool:
        """Whether texts have vectors: those of TF-IDF are none."""
        return isinstance(self.features, EmbedsTexts) and self.features.embeds_texts

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text, of shape (n_texts, size)."""
        found: np.ndarray = self.features.embed(texts)  # type: ignore[attr-defined]
        return found

    def save(self, folder: Path) -> None:
        """Write the head's files; the predictor of the vectors is put into its folder by whoever writes."""
        head = {"weights": self.weights, "bias": self.bias}
        for number, one in enumerate(self.maps):
            head |= {f"{number}.{name}": array for name, array in one.arrays.items()}
        save_file({name: np.ascontiguousarray(one) for name, one in head.items()}, folder / HEAD_FILE)
        settings = {
            "kind": KIND,
            "name": self.name,
            **self.decoder.settings(),
            "maps": [one.kind for one in self.maps],
        }
        write_settings(folder, settings)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; raises BundleError where a file is missing or broken."""
        settings = read_settings(folder)
        features = load_predictor(folder / FEATURES_FOLDER, threads=threads)
        if not gives_vectors(features):
            raise BundleError(
                f"{folder / FEATURES_FOLDER} gives no vectors for a head to stand on. Take the folder from its source "
                "again."
            )
        with as_bundle_error(folder, "does not hold a complete updated head"):
            arrays = map_arrays(folder / HEAD_FILE)
            decoder = LabelDecoder.of(settings)
            maps = [_read_map(kind, number, arrays) for number, kind in enumerate(settings["maps"])]
            if arrays["weights"].shape[1] != len(decoder.labels) or len(arrays["bias"]) != len(decoder.labels):
                raise ValueError(f"{len(decoder.labels)} labels, weights of {arrays['weights'].shape[1]}")
            return cls(features, maps, arrays["weights"], arrays["bias"], decoder, name=settings["name"])


def _read_map(kind: str, number: int, arrays: Mapping[str, np.ndarray]) -> FeatureMap:
    prefix = f"{number}."
    own = {name.removeprefix(prefix): one for name, one in arrays.items() if name.startswith(prefix)}
    return MAPS[kind].of_arrays(own)
