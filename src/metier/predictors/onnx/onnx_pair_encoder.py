"""Answers about pairs that the encoder reads together: `onnx_pair_encoder.v1`.

The folder holds `model.onnx` (token ids of both texts and their mask in, one vector a pair out), `tokenizer.json`
and `head.safetensors`. Every word of the one text is read beside every word of the other: more accurate than
comparing two vectors, and as slow as there are pairs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file

from metier.evaluation.softmax import softmax
from metier.features.averaged_windows import Cutter
from metier.predictors.answers import Answers
from metier.predictors.loading import as_bundle_error, read_settings
from metier.predictors.onnx.onnx_bi_encoder import load_graph
from metier.predictors.onnx.onnx_encoder import HEAD_FILE, OnnxGraph
from metier.tasks.pairs import as_pairs

KIND = "onnx_pair_encoder.v1"


class OnnxPairEncoderPredictor:
    """An encoder of two texts at once and its linear head. Safe to share between threads.

    Parameters
    ----------
    graph : OnnxGraph
        Gives one vector a pair.
    cutter : Cutter
    weight, bias : ndarray of shape (n_classes, hidden_size) and (n_classes,)
    settings : mapping
        `predictor.json`: name, labels, temperature.
    """

    def __init__(
        self,
        graph: OnnxGraph,
        cutter: Cutter,
        weight: np.ndarray,
        bias: np.ndarray,
        settings: Mapping[str, Any],
    ):
        self.name: str = settings["name"]
        self.labels: tuple[str, ...] = tuple(settings["labels"])
        self._graph = graph
        self._cutter = cutter
        self._weight = np.ascontiguousarray(weight.T, dtype=np.float32)
        self._bias = bias.astype(np.float32)
        self._temperature: float = settings["temperature"]

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `export.pair_export.export_cross_encoder` wrote.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        settings = read_settings(folder)
        graph, cutter = load_graph(folder, settings, threads=threads)
        with as_bundle_error(folder / HEAD_FILE, "cannot be read"):
            head = load_file(folder / HEAD_FILE)
            return cls(graph, cutter, head["weight"], head["bias"], settings)

    def predict(self, items: Sequence[Any]) -> Answers:
        """Answer pairs: mappings with `text` and `text_pair`, or two texts each; in batches of like length.

        Of a pair past the encoder's limit the logits of its windows are averaged.

        Raises
        ------
        MissingSideError
            If a pair has only one text.
        """
        pairs = as_pairs(items) if len(items) else []
        if not pairs:
            return Answers(np.empty((0, len(self.labels))), self.labels, ())
        logits = self._cutter.average(self._logits, pairs).astype(np.float64)
        return Answers(softmax(logits / self._temperature), self.labels, (self.name,) * len(pairs))

    def _logits(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        logits: np.ndarray = self._graph.rows(ids) @ self._weight + self._bias
        return logits
