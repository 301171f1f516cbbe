"""An exported graph and the files around it, opened with onnxruntime: `model.onnx`, `tokenizer.json`, `head.safetensors`.

One row takes a path of its own without sorting or padding: a service mostly gets single rows.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from metier.errors import UnsafeFileError
from metier.features.tokenization import batches_by_length, pad, read_tokenizer
from metier.predictors.loading import read_settings
from metier.predictors.onnx.external_data import check_no_external_data

MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
HEAD_FILE = "head.safetensors"
TOKEN_BUDGET = 2048  # Tokens a batch, padding included: more gains no speed on a CPU and costs memory.
# Measured slower than the plain operators they replace, for one row of a 384-wide encoder by a sixth.
SLOWER_FUSIONS = ("SkipLayerNormFusion", "BiasSkipLayerNormFusion", "BiasGeluFusion")


class OnnxGraph:
    """A graph that runs on token ids. Safe to share between threads.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        Takes `input_ids` and `attention_mask`, gives an array of shape (n_texts, size) or (n_texts, n_tokens, size).
    pad_id : int
    is_quantized : bool
    threads : int
        Of one call.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, *, pad_id: int, is_quantized: bool, threads: int = 1
    ):
        self._session = session
        self._pad_id = pad_id
        self._is_quantized = is_quantized
        self._threads = threads

    @classmethod
    def open(cls, path: Path, settings: Mapping[str, Any], *, threads: int = 1) -> Self:
        """Open a graph file; `settings` are those of `predictor.json`: pad_id, precision."""
        is_quantized = settings["precision"] == "int8"
        # In INT8 rows run beside one another, each on one thread.
        session = open_session(path, threads=1 if is_quantized else threads)
        return cls(session, pad_id=settings.get("pad_id", 0), is_quantized=is_quantized, threads=threads)

    @property
    def width(self) -> int:
        """Numbers that the graph gives a row."""
        return int(self._session.get_outputs()[0].shape[-1])

    def fed(self, **arrays: np.ndarray) -> np.ndarray:
        """Give what the graph makes of its inputs by their names, where these are no tokens."""
        numbers: np.ndarray = self._session.run(None, arrays)[0]
        return numbers

    def rows(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        """Give the numbers of each text, an ndarray of float32 of shape (n_texts, size); at least one text."""
        if len(ids) == 1:
            return self._run_one(ids[0])
        if self._is_quantized:
            return np.concatenate(self._each_alone(ids))
        batches = [
            (positions, self._run(*pad([ids[row] for row in positions], pad_id=self._pad_id)))
            for positions in batches_by_length([len(row) for row in ids], token_budget=TOKEN_BUDGET)
        ]
        found = np.empty((len(ids), batches[0][1].shape[1]), dtype=np.float32)
        for positions, numbers in batches:
            found[positions] = numbers
        return found

    def token_rows(self, ids: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """Give the numbers of the tokens of each text of one batch, each of shape (n_tokens, size)."""
        if self._is_quantized:
            return [numbers[0] for numbers in self._each_alone(ids)]
        states = self._run(*pad(ids, pad_id=self._pad_id))
        return [numbers[: len(row)] for numbers, row in zip(states, ids, strict=True)]

    def padded(self, input_ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Give the numbers of the tokens of one batch, an ndarray of shape (n_texts, n_tokens, size).

        What stands at padding means nothing.
        """
        if not self._is_quantized:
            return self._run(input_ids, mask)
        lengths = mask.sum(axis=1).tolist()
        alone = self._each_alone([row[:length] for row, length in zip(input_ids, lengths, strict=True)])
        found = np.zeros((*input_ids.shape, alone[0].shape[2]), dtype=np.float32)
        for row, numbers in enumerate(alone):
            found[row, : lengths[row]] = numbers[0]
        return found

    def _each_alone(self, ids: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """Run each row by itself, on several threads.

        In INT8 the range of a call's activations sets its step: in a batch a row's answer would depend on its
        neighbours, and be the worse for them (on banking77 the squared distance to fp32 is four times as large).
        """
        if self._threads == 1 or len(ids) == 1:
            return [self._run_one(row) for row in ids]
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(self._run_one, ids))

    def _run_one(self, ids: Sequence[int]) -> np.ndarray:
        row = np.array([ids], dtype=np.int64)
        return self._run(row, np.ones_like(row))

    def _run(self, input_ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        numbers: np.ndarray = self._session.run(None, {"input_ids": input_ids, "attention_mask": mask})[0]
        return numbers


@dataclass(frozen=True)
class GraphParts:
    """What a graph predictor is made of.

    Parameters
    ----------
    graph : OnnxGraph
    tokenizer : Tokenizer
        Pads none; None where the graph takes no tokens.
    head : mapping of str to ndarray
        What is applied to the numbers that the graph gives; empty where it gives logits itself.
    settings : mapping
        `predictor.json`.
    further : mapping of str to OnnxGraph
        Other graphs of the folder, by the names that `graphs` of the settings gives them.
    """

    graph: OnnxGraph
    tokenizer: Tokenizer
    head: Mapping[str, np.ndarray]
    settings: Mapping[str, Any]
    further: Mapping[str, OnnxGraph] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Open the files of a folder; raises whatever the libraries raise that read them."""
        settings = read_settings(folder)
        tokenizer: Any = None
        if reads_tokens(settings):
            tokenizer = read_tokenizer(folder / TOKENIZER_FILE, max_length=longest_row(settings))
        path = folder / HEAD_FILE
        head = load_file(path) if path.exists() else {}
        graph = OnnxGraph.open(folder / MODEL_FILE, settings, threads=threads)
        return cls(graph, tokenizer, head, settings, further_graphs(folder, settings, threads=threads))


def further_graphs(folder: Path, settings: Mapping[str, Any], *, threads: int) -> dict[str, OnnxGraph]:
    """Open the graphs that a folder holds besides `model.onnx`; they take no tokens and are of fp32.

    Raises
    ------
    UnsafeFileError
        If one is said to lie outside the folder.
    """
    found = {}
    for name, file in settings.get("graphs", {}).items():
        if Path(file).name != file:
            raise UnsafeFileError(
                f"{folder} names a graph outside its folder: {file!r}. Take the bundle from its source again."
            )
        found[name] = OnnxGraph.open(folder / file, {"precision": "fp32"}, threads=threads)
    return found


def reads_tokens(settings: Mapping[str, Any]) -> bool:
    """Whether the graph takes tokens: then its settings say how many at most."""
    return not {"max_length", "window_length"}.isdisjoint(settings)


def longest_row(settings: Mapping[str, Any]) -> int:
    """Give the tokens that the graph reads at once, special tokens included."""
    return int(settings.get("max_length") or settings["window_length"])


def open_session(path: Path, *, threads: int) -> onnxruntime.InferenceSession:
    """Open an ONNX model on the CPU with this many threads, none of which waits by burning a core.

    Raises
    ------
    UnsafeFileError
        If it keeps weights in other files.
    BundleError
        If it is not an ONNX graph.
    """
    check_no_external_data(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A memory plan is kept for every shape ever seen, and lengths differ from row to row: it would only grow.
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=list(SLOWER_FUSIONS)
    )
