"""The token ids that a predictor feeds its graph with, of any input kind: watched, not made again."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from metier.predictors.onnx.graph_predictor import GraphPredictor
from metier.predictors.onnx.graph_session import MODEL_FILE, GraphParts, OnnxGraph, open_session


class WatchedGraph(OnnxGraph):
    """A graph that keeps what it was fed with and answers with zeros: no text is worth computing here."""

    def __init__(self, *given: Any, **options: Any):
        super().__init__(*given, **options)
        self.seen: list[list[int]] = []

    def _run(self, input_ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        lengths = mask.sum(axis=1).tolist()
        self.seen += [row[:length].tolist() for row, length in zip(input_ids, lengths, strict=True)]
        by_token = len(self._session.get_outputs()[0].shape) == 3
        shape = (*input_ids.shape, self.width) if by_token else (len(input_ids), self.width)
        return np.zeros(shape, dtype=np.float32)


def feeds_of(part: Path, items: Sequence[Any]) -> list[list[int]]:
    """Give the token ids of every sequence that questions are read as, special tokens included."""
    parts = GraphParts.load(part)
    watched = WatchedGraph.open(part / MODEL_FILE, parts.settings)
    predictor = GraphPredictor.of(replace(parts, graph=watched))
    list(predictor.predict(items).predicted)
    return watched.seen


def numbers_of(graph: Path, feeds: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Give the numbers that a graph gives for each sequence, alone."""
    session = open_session(graph, threads=1)
    rows = [np.array([row], dtype=np.int64) for row in feeds]
    return [session.run(None, {"input_ids": row, "attention_mask": np.ones_like(row)})[0] for row in rows]


def squared_error(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
    """Give the squared distance of numbers from others, as a fraction of the size of these."""
    distance = sum(float(np.square(one - other).sum()) for one, other in zip(found, expected, strict=True))
    return distance / max(sum(float(np.square(one).sum()) for one in expected), 1e-12)
