"""The sentences of a text that a trained scorer rates highest, as its summary: `onnx_sentences.v1`.

The folder holds `model.onnx` (token ids and mask in, one vector a sentence out), `tokenizer.json` and
`head.safetensors`: the weight of each number of `sentence_features`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file

from metier.features.averaged_windows import Cutter
from metier.features.pair_vectors import of_length_one
from metier.features.sentence_features import best_pieces, features_of, split_pieces
from metier.features.sentence_ranks import join_sentences
from metier.predictors.answers import RecordAnswers
from metier.predictors.loading import as_bundle_error, read_settings
from metier.predictors.onnx.onnx_bi_encoder import load_graph
from metier.predictors.onnx.onnx_encoder import HEAD_FILE, OnnxGraph
from metier.predictors.text.extracted_sentences import written
from metier.tasks.generation import as_items, last_words

KIND = "onnx_sentences.v1"
PIECES_AT_ONCE = 512


class OnnxSentencesPredictor:
    """The highest-rated sentences, in their order. Safe to share between threads.

    Parameters
    ----------
    graph : OnnxGraph
    cutter : Cutter
    weight : ndarray of shape (n_features,)
    unit : {"sentence", "clause"}
    n_pieces : int
        Of a summary.
    name : str
        Versioned name of the method.
    """

    labels: tuple[str, ...] = ()

    def __init__(
        self, graph: OnnxGraph, cutter: Cutter, weight: np.ndarray, *, unit: str, n_pieces: int, name: str
    ):
        self.name = name
        self._graph = graph
        self._cutter = cutter
        self._weight = weight.astype(np.float64)
        self._unit = unit
        self._n_pieces = n_pieces

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `SentenceRanker.export` wrote.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        settings = read_settings(folder)
        graph, cutter = load_graph(folder, settings, threads=threads)
        with as_bundle_error(folder / HEAD_FILE, "cannot be read"):
            weight = load_file(folder / HEAD_FILE)["weight"]
            shape = {"unit": settings["unit"], "n_pieces": settings["n_pieces"]}
        return cls(graph, cutter, weight, **shape, name=settings["name"])

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Answer texts; of a conversation, what the user said last."""
        texts = [last_words(item) for item in as_items(items)] if len(items) else []
        return written([self._summary(text) for text in texts], self.name)

    def _summary(self, text: str) -> str:
        pieces = split_pieces(text, self._unit)
        if len(pieces) <= self._n_pieces:
            return join_sentences(pieces)
        parts = [
            self._vectors(pieces[at : at + PIECES_AT_ONCE]) for at in range(0, len(pieces), PIECES_AT_ONCE)
        ]
        scores = features_of(pieces, np.concatenate(parts)) @ self._weight
        return join_sentences([pieces[place] for place in best_pieces(scores, self._n_pieces)])

    def _vectors(self, pieces: Sequence[str]) -> np.ndarray:
        return of_length_one(self._cutter.average(self._graph.rows, pieces))
