"""A decoder graph with its cache of keys and values, as a model that writes token by token.

This is the only place that knows the graph's inputs (`export.onnx_decoder` writes it). The loop is ours and not
onnxruntime-genai's: that was measured to be as fast, not faster, and would be a second way beside this one, which
sealed bundles need (docs/decisions/0010-our-own-decoder-loop.md).

Keys and values of what has been read stay where the runtime put them; nothing is copied between two tokens. Prompts that
are read side by side are padded behind, and the operator of attention knows how long each row is, so no row sees another or
the padding. Graphs that were sealed before take one row at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from safetensors.numpy import load_file, save_file

from metier.predictors.text.decoding.search import MOST_ROWS, batches

LAST = "last"
STATE_FILE = "initial_state.safetensors"
PARTS = ("key", "value")


@dataclass(frozen=True)
class Cache:
    """What has been read.

    Parameters
    ----------
    past : sequence of OrtValue
        Keys and values of each layer, of shape (n_rows, n_heads, n_past, head_size).
    lengths : sequence of int
        Tokens of each row; what stands behind them in `past` is padding.
    """

    past: Sequence[Any]
    lengths: Sequence[int]


class DecoderLoop:
    """Runs a decoder graph one token after the other: a `StepwiseModel`. Safe to share between threads.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    initial : sequence of ndarray of shape (n_heads, n_before, head_size), optional
        Keys and values before those of every prompt, in the order of the graph's inputs: what prefix and prompt tuning
        leave.

    Attributes
    ----------
    most_rows : int
        Rows that are best read side by side at most.
    """

    def __init__(self, session: onnxruntime.InferenceSession, *, initial: Sequence[np.ndarray] | None = None):
        self._session = session
        self._outputs = [output.name for output in session.get_outputs()]
        past = [given for given in session.get_inputs() if given.name.startswith("past.")]
        self._past = [given.name for given in past]
        self._takes_many = any(given.name == LAST for given in session.get_inputs())
        self.most_rows = MOST_ROWS if self._takes_many else 1
        _, heads, _, size = past[0].shape
        self._initial = (
            [np.zeros((heads, 0, size), np.float32)] * len(past) if initial is None else list(initial)
        )

    def start(self, prompts: Sequence[Sequence[int]]) -> tuple[np.ndarray, Cache]:
        """Read the prompts; see `StepwiseModel`."""
        n_before = self._initial[0].shape[1]
        # The operator reads several tokens behind others of one row at a time only.
        if len(prompts) > 1 and (n_before or not self._takes_many):
            return _stacked([self.start([prompt]) for prompt in prompts])
        past = [_as_value(np.repeat(one[None], len(prompts), axis=0)) for one in self._initial]
        return self._read([list(prompt) for prompt in prompts], Cache(past, [n_before] * len(prompts)))

    def advance(self, tokens: Sequence[int], state: Cache) -> tuple[np.ndarray, Cache]:
        """Read one more token of each row."""
        if len(tokens) > 1 and not self._takes_many:
            return _stacked(
                [self.advance([token], self.select(state, [row])) for row, token in enumerate(tokens)]
            )
        return self._read([[token] for token in tokens], state)

    def select(self, state: Cache, rows: Sequence[int]) -> Cache:
        """Give the state of these rows."""
        if list(rows) == list(range(len(state.lengths))):
            return state
        lengths = [state.lengths[row] for row in rows]
        past = [_as_value(one.numpy()[list(rows), :, : max(lengths)]) for one in state.past]
        return Cache(past, lengths)

    def loss(self, prompt: Sequence[int], answer: Sequence[int]) -> float:
        """Give the mean negative log-likelihood of the tokens of a given answer."""
        return self.losses([prompt], [answer])[0]

    def losses(self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> list[float]:
        """Give what `loss` gives for several answers, those to prompts of like length side by side."""
        found = [0.0] * len(prompts)
        lengths = [len(prompt) + len(answer) for prompt, answer in zip(prompts, answers, strict=True)]
        for some in batches(lengths, most_rows=self.most_rows):
            given = [answers[position] for position in some]
            sums = np.zeros(len(some))
            logits, state = self.start([prompts[position] for position in some])
            longest = max(map(len, given))
            for at in range(longest):
                for row, (scores, answer) in enumerate(zip(logits, given, strict=True)):
                    sums[row] += _negative_log_likelihood(scores, answer[at]) if at < len(answer) else 0.0
                if at < longest - 1:
                    # A row that has ended goes on with its last token, which counts no more.
                    tokens = [answer[min(at, len(answer) - 1)] for answer in given]
                    logits, state = self.advance(tokens, state)
            for position, total, answer in zip(some, sums, given, strict=True):
                found[position] = float(total / len(answer))
        return found

    def _read(self, new: Sequence[Sequence[int]], state: Cache) -> tuple[np.ndarray, Cache]:
        """Read new tokens of each row."""
        lengths = [before + len(tokens) for before, tokens in zip(state.lengths, new, strict=True)]
        ids = np.zeros((len(new), max(map(len, new))), dtype=np.int64)
        for row, tokens in enumerate(new):
            ids[row, : len(tokens)] = tokens
        given = {
            "input_ids": _as_value(ids),
            "seqlens_k": _as_value(np.array(lengths, dtype=np.int32) - np.int32(1)),
            "total_sequence_length": _as_value(np.array(max(lengths), dtype=np.int32)),
            **dict(zip(self._past, state.past, strict=True)),
        }
        if self._takes_many:
            given[LAST] = _as_value(np.array([len(tokens) - 1 for tokens in new], dtype=np.int64))
        logits, *past = self._session.run_with_ort_values(self._outputs, given)
        return logits.numpy(), Cache(past, lengths)


def write_state(path: Path, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
    """Write keys and values of each layer that stand before every text, of shape (n_heads, n_before, head_size)."""
    parts = (
        (f"{layer}.{part}", one)
        for layer, pair in enumerate(pairs)
        for part, one in zip(PARTS, pair, strict=True)
    )
    save_file({name: np.ascontiguousarray(one) for name, one in parts}, path)
    path.chmod(0o644)  # safetensors writes 0600.


def read_state(path: Path) -> list[np.ndarray] | None:
    """Read what `write_state` wrote, in the order of a graph's inputs; None where there is nothing."""
    if not path.is_file():
        return None
    found = load_file(path)
    return [found[f"{layer}.{part}"] for layer in range(len(found) // 2) for part in PARTS]


def _stacked(read: Sequence[tuple[np.ndarray, Cache]]) -> tuple[np.ndarray, Cache]:
    """Put rows that were read by themselves side by side, padded behind."""
    longest = max(cache.lengths[0] for _, cache in read)
    past = []
    for parts in zip(*(cache.past for _, cache in read), strict=True):
        values = [part.numpy() for part in parts]
        stacked = np.zeros((len(values), values[0].shape[1], longest, values[0].shape[3]), np.float32)
        for row, value in enumerate(values):
            stacked[row, :, : value.shape[2]] = value[0, :, :longest]
        past.append(_as_value(stacked))
    return np.concatenate([logits for logits, _ in read]), Cache(past, [cache.lengths[0] for _, cache in read])


def _negative_log_likelihood(logits: np.ndarray, token: int) -> float:
    logits = logits.astype(np.float64)
    highest = logits.max()
    return float(highest + np.log(np.exp(logits - highest).sum()) - logits[token])


def _as_value(array: np.ndarray) -> Any:
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))
