"""Relations from an encoder in ONNX that sees two entities marked: `onnx_relation.v1`.

The folder holds `model.onnx` (token ids and mask in, logits out) and `tokenizer.json`, which knows the marks.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime

from metier.errors import BundleError
from metier.evaluation.softmax import softmax
from metier.features.entity_marking import EntityMarker
from metier.features.tokenization import read_tokenizer
from metier.predictors.answers import Answers
from metier.predictors.loading import read_settings
from metier.predictors.onnx.onnx_encoder import (
    MODEL_FILE,
    ROWS_AT_ONCE,
    TOKENIZER_FILE,
    OnnxGraph,
    open_session,
)
from metier.tasks.entity_pairs import as_entity_pairs

KIND = "onnx_relation.v1"


class OnnxRelationPredictor:
    """An encoder with its head on the marks of two entities, answering without torch. Safe to share between threads.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        Takes `input_ids` and `attention_mask`, gives logits of shape (n_texts, n_classes).
    marker : EntityMarker
    settings : mapping
        `predictor.json`: name, labels, temperature, pad_id, precision.
    threads : int
        Of one call.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        marker: EntityMarker,
        settings: Mapping[str, Any],
        *,
        threads: int = 1,
    ):
        self.name: str = settings["name"]
        self.labels: tuple[str, ...] = tuple(settings["labels"])
        self._temperature: float = settings["temperature"]
        self._marker = marker
        self._graph = OnnxGraph(
            session, pad_id=settings["pad_id"], is_quantized=settings["precision"] == "int8", threads=threads
        )

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `RelationEncoder.export` wrote.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        settings = read_settings(folder)
        try:
            # In INT8 rows run beside one another, each on one thread.
            inner = 1 if settings["precision"] == "int8" else threads
            session = open_session(folder / MODEL_FILE, threads=inner)
        except Exception as error:  # onnxruntime has no common error.
            raise BundleError(
                f"{folder} holds no encoder that can be loaded ({error}). "
                "Export it again, or take it from its source."
            ) from error
        length = settings["max_length"]
        tokenizer = read_tokenizer(folder / TOKENIZER_FILE, max_length=length)
        marker = EntityMarker(tokenizer, prefix=settings["prefix"], max_length=length)
        return cls(session, marker, settings, threads=threads)

    def predict(self, items: Sequence[Any]) -> Answers:
        """Answer texts with two marked entities; a long sequence is worked off in batches of like length.

        Raises
        ------
        EntityError
            If an entity is not where its offsets say.
        """
        checked = as_entity_pairs(items)
        logits = np.empty((len(checked), len(self.labels)), dtype=np.float64)
        for start in range(0, len(checked), ROWS_AT_ONCE):
            ids = [self._marker.mark(item).ids for item in checked[start : start + ROWS_AT_ONCE]]
            logits[start : start + len(ids)] = self._graph.rows(ids)
        return Answers(softmax(logits / self._temperature), self.labels, (self.name,) * len(checked))
