"""Answers about pairs from the vectors of their texts: `onnx_bi_encoder.v1`.

The folder holds `model.onnx` (token ids and mask in, one vector a text out), `tokenizer.json` and, where pairs are
classified, `head.safetensors`. Each text is embedded by itself, so the vectors of a collection can be kept, and
(a, b) is answered as (b, a) is.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file

from metier.errors import BundleError, CallError
from metier.evaluation.softmax import softmax
from metier.features.averaged_windows import Cutter
from metier.features.pair_vectors import compare, of_length_one
from metier.features.tokenization import read_tokenizer
from metier.predictors.answers import Answers
from metier.predictors.loading import as_bundle_error, read_settings
from metier.predictors.onnx.onnx_encoder import (
    HEAD_FILE,
    MODEL_FILE,
    ROWS_AT_ONCE,
    TOKENIZER_FILE,
    OnnxGraph,
    open_session,
)
from metier.tasks.pairs import as_pairs

KIND = "onnx_bi_encoder.v1"


class OnnxBiEncoderPredictor:
    """An encoder of single texts and a head over what two vectors agree in. Safe to share between threads.

    Parameters
    ----------
    graph : OnnxGraph
        Gives one vector a text.
    cutter : Cutter
    head : mapping of str to ndarray
        `weight` of shape (n_classes, n_numbers) and `bias` of shape (n_classes,); empty where only vectors were
        learned.
    settings : mapping
        `predictor.json`: name, labels, comparison, temperature.
    """

    def __init__(
        self, graph: OnnxGraph, cutter: Cutter, head: Mapping[str, np.ndarray], settings: Mapping[str, Any]
    ):
        self.name: str = settings["name"]
        self.labels: tuple[str, ...] = tuple(settings["labels"])
        self.comparison: str = settings["comparison"]
        self._graph = graph
        self._cutter = cutter
        self._head = {name: np.asarray(array, dtype=np.float64) for name, array in head.items()}
        self._temperature: float = settings["temperature"]

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `export.pair_export.export_bi_encoder` wrote.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        settings = read_settings(folder)
        graph, cutter = load_graph(folder, settings, threads=threads)
        with as_bundle_error(folder / HEAD_FILE, "cannot be read"):
            head = load_file(folder / HEAD_FILE) if settings["labels"] else {}
        return cls(graph, cutter, head, settings)

    def predict(self, items: Sequence[Any]) -> Answers:
        """Answer pairs: mappings with `text` and `text_pair`, or two texts each; in batches of like length.

        Raises
        ------
        MissingSideError
            If a pair has only one text.
        CallError
            If only vectors were learned.
        """
        if not self._head:
            raise CallError(
                f"{self.name} learned vectors from matches alone, so it cannot label pairs. "
                "Fit it on pairs with at least two labels, or search with its vectors."
            )
        pairs = as_pairs(items) if len(items) else []
        logits = np.empty((len(pairs), len(self.labels)), dtype=np.float64)
        for start in range(0, len(pairs), ROWS_AT_ONCE):
            some = pairs[start : start + ROWS_AT_ONCE]
            # A text that stands in many pairs is embedded once.
            place = {
                text: row for row, text in enumerate(dict.fromkeys(text for pair in some for text in pair))
            }
            vectors = self.vectors(list(place))
            one = vectors[[place[pair.text] for pair in some]]
            other = vectors[[place[pair.text_pair] for pair in some]]
            numbers = compare(one, other, self.comparison)
            logits[start : start + len(some)] = numbers @ self._head["weight"].T + self._head["bias"]
        probabilities = softmax(logits / self._temperature) if len(pairs) else logits
        return Answers(probabilities, self.labels, (self.name,) * len(pairs))

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text, of length 1, an ndarray of float32 of shape (n_texts, size).

        A text past the encoder's limit is the mean of its windows; at least one text.
        """
        return of_length_one(self._cutter.average(self._graph.rows, texts))


def load_graph(folder: Path, settings: Mapping[str, Any], *, threads: int) -> tuple[OnnxGraph, Cutter]:
    """Open the graph of a folder and the tokenizer that feeds it.

    Raises
    ------
    BundleError
        If a file is missing or broken.
    """
    is_quantized = settings["precision"] == "int8"
    try:
        # In INT8 rows run beside one another, each on one thread.
        session = open_session(folder / MODEL_FILE, threads=1 if is_quantized else threads)
    except Exception as error:  # onnxruntime has no common error.
        raise BundleError(
            f"{folder} holds no encoder that can be loaded ({error}). "
            "Export it again, or take it from its source."
        ) from error
    tokenizer = read_tokenizer(folder / TOKENIZER_FILE, max_length=settings["max_length"])
    return (
        OnnxGraph(session, pad_id=settings["pad_id"], is_quantized=is_quantized, threads=threads),
        Cutter(tokenizer, max_length=settings["max_length"], prefix=settings["prefix"]),
    )
