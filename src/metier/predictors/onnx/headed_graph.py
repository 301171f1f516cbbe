"""An encoder in ONNX and a linear head that gives margins: what several kinds of predictors make answers of.

The folder holds `model.onnx` (token ids and mask in, one vector a text out), `tokenizer.json` and `head.safetensors`.
A text past the encoder's limit is read in windows that overlap, and the margins of its windows are averaged.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file

from metier.errors import BundleError
from metier.features.averaged_windows import Cutter
from metier.features.pair_vectors import compare, of_length_one
from metier.predictors.loading import as_bundle_error, read_settings
from metier.predictors.onnx.onnx_bi_encoder import load_graph
from metier.predictors.onnx.onnx_encoder import HEAD_FILE, OnnxGraph

# How the head is fed: `whole` texts or pairs in one sequence; `vectors` of texts, of length 1; `compared` vectors of
# the two texts of a pair.
READINGS = ("whole", "vectors", "compared")


class HeadedGraph:
    """Margins of texts or pairs. Safe to share between threads.

    Parameters
    ----------
    graph : OnnxGraph
        Gives one vector a sequence.
    cutter : Cutter
    weight, bias : ndarray of shape (n_margins, n_features) and (n_margins,)
    reading : {"whole", "vectors", "compared"}
    """

    def __init__(self, graph: OnnxGraph, cutter: Cutter, weight: np.ndarray, bias: np.ndarray, *, reading: str):
        self._graph = graph
        self._cutter = cutter
        self._weight = np.ascontiguousarray(weight.T, dtype=np.float32)
        self._bias = bias.astype(np.float32)
        self._reading = reading

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `export.headed_export` wrote.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        settings = read_settings(folder)
        graph, cutter = load_graph(folder, settings, threads=threads)
        with as_bundle_error(folder / HEAD_FILE, "cannot be read"):
            head = load_file(folder / HEAD_FILE)
            return cls(graph, cutter, head["weight"], head["bias"], reading=settings["reading"])

    def margins(self, inputs: Sequence[Any]) -> np.ndarray:
        """Give the margins of texts, or of pairs as two texts each.

        Returns
        -------
        ndarray of float64 of shape (n_inputs, n_margins)
        """
        if len(inputs) == 0:
            return np.empty((0, len(self._bias)))
        if self._reading == "whole":
            return self._cutter.average(self._run, inputs).astype(np.float64)
        if self._reading == "vectors":
            return self._head(self._vectors(inputs)).astype(np.float64)
        vectors = self._vectors([side for pair in inputs for side in pair])
        return self._head(compare(vectors[0::2], vectors[1::2], "difference")).astype(np.float64)

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        return of_length_one(self._cutter.average(self._graph.rows, texts))

    def _run(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        return self._head(self._graph.rows(ids))

    def _head(self, features: np.ndarray) -> np.ndarray:
        margins: np.ndarray = features @ self._weight + self._bias
        return margins


def read_rule(rule: Any, folder: Path) -> Any:
    """Read from `predictor.json` what makes answers of margins; `rule` is a class with `of(settings)`.

    Raises
    ------
    BundleError
        If the file does not say it.
    """
    try:
        return rule.of(read_settings(folder))
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"{folder} does not say how margins become answers ({type(error).__name__}: {error}). "
            "Take the folder from its source again."
        ) from error
