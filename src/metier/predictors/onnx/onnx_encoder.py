"""Answers from an encoder in ONNX and a linear head: `onnx_encoder.v1`.

The folder holds `model.onnx` (token ids and mask in, one vector a text out), `tokenizer.json` and
`head.safetensors`. One row takes a path of its own without sorting or padding: a service mostly gets single rows.
A text past the encoder's limit is read in windows that overlap, and what is said of them is averaged.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from metier.errors import BundleError
from metier.evaluation.softmax import softmax
from metier.features.averaged_windows import Cutter
from metier.features.tokenization import batches_by_length, pad, read_tokenizer
from metier.predictors.answers import Answers
from metier.predictors.loading import read_settings

MODEL_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
HEAD_FILE = "head.safetensors"
TOKEN_BUDGET = 2048  # Tokens a batch, padding included: more gains no speed on a CPU and costs memory.
ROWS_AT_ONCE = 4096  # Rows tokenised before the first is answered: bounds the memory of a long sequence.
# Measured slower than the plain operators they replace, for one row of a 384-wide encoder by a sixth.
SLOWER_FUSIONS = ("SkipLayerNormFusion", "BiasSkipLayerNormFusion", "BiasGeluFusion")


class OnnxGraph:
    """A graph that gives one row of numbers a text, run on token ids. Safe to share between threads.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        Takes `input_ids` and `attention_mask`, gives an array of shape (n_texts, size).
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

    def rows(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        """Give the numbers of each text, an ndarray of float32 of shape (n_texts, size); at least one text."""
        if len(ids) == 1:
            return self._run_one(ids[0])
        if self._is_quantized:
            return self._each_alone(ids)
        batches = [
            (positions, self._run(*pad([ids[row] for row in positions], pad_id=self._pad_id)))
            for positions in batches_by_length([len(row) for row in ids], token_budget=TOKEN_BUDGET)
        ]
        found = np.empty((len(ids), batches[0][1].shape[1]), dtype=np.float32)
        for positions, numbers in batches:
            found[positions] = numbers
        return found

    def _each_alone(self, ids: Sequence[Sequence[int]]) -> np.ndarray:
        """Run each row by itself, on several threads.

        In INT8 the range of a call's activations sets its step: in a batch a row's answer would hang on its
        neighbours, and be the worse for them (on banking77 the squared distance to fp32 is four times as large).
        """
        if self._threads == 1:
            return np.concatenate([self._run_one(row) for row in ids])
        with ThreadPoolExecutor(self._threads) as pool:
            return np.concatenate(list(pool.map(self._run_one, ids)))

    def _run_one(self, ids: Sequence[int]) -> np.ndarray:
        row = np.array([ids], dtype=np.int64)
        return self._run(row, np.ones_like(row))

    def _run(self, input_ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        numbers: np.ndarray = self._session.run(None, {"input_ids": input_ids, "attention_mask": mask})[0]
        return numbers


class OnnxEncoderPredictor:
    """An encoder and its linear head, answering without torch.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        Takes `input_ids` and `attention_mask`, gives vectors of shape (n_texts, hidden_size).
    tokenizer : Tokenizer
        Pads none.
    weight, bias : ndarray of shape (n_classes, hidden_size) and (n_classes,)
        The linear head.
    settings : mapping
        `predictor.json`: name, labels, prefix, max_length, temperature, pad_id, precision.
    threads : int
        Of one call.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        tokenizer: Tokenizer,
        weight: np.ndarray,
        bias: np.ndarray,
        settings: Mapping[str, Any],
        *,
        threads: int = 1,
    ):
        self.name: str = settings["name"]
        self.labels: tuple[str, ...] = tuple(settings["labels"])
        self._graph = OnnxGraph(
            session, pad_id=settings["pad_id"], is_quantized=settings["precision"] == "int8", threads=threads
        )
        self._cutter = Cutter(tokenizer, max_length=settings["max_length"], prefix=settings["prefix"])
        # The temperature goes into the head once instead of into every answer.
        self._weight = np.ascontiguousarray(weight.T / settings["temperature"], dtype=np.float32)
        self._bias = (bias / settings["temperature"]).astype(np.float32)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `export_encoder` wrote.

        Parameters
        ----------
        threads : int
            Threads of one call's matrix products.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        settings = read_settings(folder)
        session, head = open_with_head(folder, settings, threads=threads)
        tokenizer = read_tokenizer(folder / TOKENIZER_FILE, max_length=settings["max_length"])
        return cls(session, tokenizer, head["weight"], head["bias"], settings, threads=threads)

    def predict(self, texts: Sequence[str]) -> Answers:
        """Answer texts; a long sequence is worked off in batches of like length."""
        logits = (self.embed(texts) @ self._weight + self._bias).astype(np.float64)
        return Answers(softmax(logits), self.labels, (self.name,) * len(texts))

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text, the mean over its windows, an ndarray of shape (n_texts, hidden_size)."""
        if len(texts) == 0:
            return np.empty((0, len(self._weight)), dtype=np.float32)
        return self._cutter.average(self._graph.rows, list(texts))


def open_with_head(
    folder: Path, settings: Mapping[str, Any], *, threads: int
) -> tuple[onnxruntime.InferenceSession, dict[str, np.ndarray]]:
    """Open the graph of an exported encoder, and read the head that is put on what it gives.

    Raises
    ------
    BundleError
        If either is missing or broken.
    """
    try:
        head = load_file(folder / HEAD_FILE)
        # In INT8 rows run beside one another, each on one thread.
        inner = 1 if settings["precision"] == "int8" else threads
        return open_session(folder / MODEL_FILE, threads=inner), head
    except Exception as error:  # onnxruntime and safetensors have no common error.
        raise BundleError(
            f"{folder} holds no encoder that can be loaded ({error}). "
            "Export it again, or take it from its source."
        ) from error


def open_session(path: Path, *, threads: int) -> onnxruntime.InferenceSession:
    """Open an ONNX model on the CPU with this many threads, none of which waits by burning a core."""
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
