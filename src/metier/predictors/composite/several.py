"""Several tasks answered about each text: by one encoder in one pass, or by a predictor of its own each.

Of a shared encoder the folder holds the graph, which gives the states of every token, and a folder with the head of each
task; the states are computed once a text. A task that has a graph of its own in its folder is a predictor by itself.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file

from metier.errors import BundleError, UnsafeFileError
from metier.features.pair_features import of_length_one
from metier.features.tokenization import batches_by_length, read_tokenizer
from metier.predictors.loading import SETTINGS_FILE, Predictor, load_predictor, read_settings
from metier.predictors.onnx.graph_predictor import GraphPredictor
from metier.predictors.onnx.graph_session import (
    HEAD_FILE,
    MODEL_FILE,
    TOKEN_BUDGET,
    TOKENIZER_FILE,
    GraphParts,
    OnnxGraph,
    longest_row,
)
from metier.tasks.answer_batches import AnswerBatch, SeveralAnswers
from metier.tasks.inputs import TEXT

KIND = "several.v1"
POOLED = "is_pooled"
TEXTS_AT_ONCE = 256
# Kinds of predictors whose heads take the states of tokens, or the mean of these.
HEADS = ("onnx_encoder.v1", "onnx_many_labels.v1", "onnx_grader.v1", "onnx_scorer.v1", "onnx_tagger.v1")


class _Remembered(threading.local):
    """What a thread has computed while it remembers; None while it does not."""

    states: dict[tuple[int, ...], np.ndarray] | None = None


class SharedStates:
    """The states of a graph, each row of tokens computed once while `remembered`. Safe to share between threads.

    Parameters
    ----------
    graph : OnnxGraph
        Gives a state a token.
    """

    def __init__(self, graph: OnnxGraph):
        self._graph = graph
        self._own = _Remembered()

    @contextmanager
    def remembered(self) -> Iterator[None]:
        """Keep what this thread computes until the end of the block."""
        self._own.states = {}
        try:
            yield
        finally:
            self._own.states = None

    def token_rows(self, ids: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """Give the states of the tokens of each row, each of shape (n_tokens, size)."""
        kept = self._own.states
        keys = [tuple(map(int, row)) for row in ids]
        if kept is None:
            return self._computed(keys)
        missing = list(dict.fromkeys(key for key in keys if key not in kept))
        kept.update(zip(missing, self._computed(missing), strict=True))
        return [kept[key] for key in keys]

    def _computed(self, rows: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
        found: dict[int, np.ndarray] = {}
        for positions in batches_by_length([len(row) for row in rows], token_budget=TOKEN_BUDGET):
            states = self._graph.token_rows([rows[position] for position in positions])
            found.update(zip(map(int, positions), states, strict=True))
        return [found[position] for position in range(len(rows))]


class MeanStates:
    """The mean of the states of each row, as a head of whole texts takes it.

    Parameters
    ----------
    states : SharedStates
    normalise : bool
        Whether the mean is scaled to length 1.
    """

    def __init__(self, states: SharedStates, *, normalise: bool):
        self._states = states
        self._normalise = normalise

    def rows(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        """Give one vector a row, an ndarray of float32 of shape (n_rows, size); at least one row."""
        means = np.stack([states.mean(axis=0) for states in self._states.token_rows(ids)])
        return of_length_one(means) if self._normalise else means


class SeveralPredictor:
    """Answers several tasks about each text. Safe to share between threads.

    Parameters
    ----------
    states : SharedStates or None
        Of the shared encoder; None where each task has a predictor of its own.
    parts : mapping of str to Predictor
        By the task; those of a shared encoder are views of `states`.
    name : str
        Versioned name of the method that left this predictor.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, states: SharedStates | None, parts: Mapping[str, Predictor], *, name: str):
        self.states = states
        self.parts = dict(parts)
        self.name = name

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `export.shared_graph` wrote.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        UnsafeFileError
            If it names a folder outside its own.
        """
        try:
            settings = read_settings(folder)
            entries = settings["tasks"]
            if POOLED not in entries[0]:
                parts: dict[str, Predictor] = {
                    entry["task"]: load_predictor(_part(folder, entry), threads=threads) for entry in entries
                }
                return cls(None, parts, name=settings["name"])
            own = [read_settings(_part(folder, entry)) for entry in entries]
            states = SharedStates(OnnxGraph.open(folder / MODEL_FILE, own[0], threads=threads))
            heads = {
                entry["task"]: _head_of(folder, entry, given, states)
                for entry, given in zip(entries, own, strict=True)
            }
            return cls(states, heads, name=settings["name"])
        except BundleError:
            raise
        except Exception as error:  # onnxruntime, safetensors and tokenizers have no common error.
            raise BundleError(
                f"{folder} holds no shared encoder that can be loaded ({type(error).__name__}: {error}). "
                "Export it again, or take it from its source."
            ) from error

    def predict(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer texts, some hundred at a time: one pass of the encoder for all tasks."""
        texts = TEXT.read(items) if len(items) else []
        batches = []
        for start in range(0, max(len(texts), 1), TEXTS_AT_ONCE):
            some = list(texts[start : start + TEXTS_AT_ONCE])
            with nullcontext() if self.states is None else self.states.remembered():
                batches.append({task: part.predict(some) for task, part in self.parts.items()})
        return SeveralAnswers.joined(batches, name=self.name)


def _head_of(
    folder: Path, entry: Mapping[str, Any], settings: Mapping[str, Any], states: SharedStates
) -> GraphPredictor:
    view: Any = MeanStates(states, normalise=entry["normalise"]) if entry[POOLED] else states
    tokenizer = read_tokenizer(folder / TOKENIZER_FILE, max_length=longest_row(settings))
    return GraphPredictor.of(GraphParts(view, tokenizer, load_file(_part(folder, entry) / HEAD_FILE), settings))


def _part(folder: Path, entry: Mapping[str, Any]) -> Path:
    path = PurePosixPath(entry["folder"])
    if path.is_absolute() or ".." in path.parts:
        raise UnsafeFileError(
            f"{folder / SETTINGS_FILE} names a folder outside its own: {entry['folder']!r}. "
            "Take the bundle from its source again."
        )
    return folder / path
