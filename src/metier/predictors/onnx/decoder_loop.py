"""The decoding loop: generates a text token by token with a decoder graph and its cache of keys and values.

This is the only place that knows the graph's inputs (`export.onnx_decoder` writes it). The loop is ours and not
onnxruntime-genai's: that was measured to be as fast, not faster, and would be a second way beside this one, which
sealed bundles need (docs/decisions/0010-our-own-decoder-loop.md).

Keys and values of what has been read stay where the runtime put them; nothing is copied between two tokens.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnxruntime

from metier.predictors.onnx.token_choice import DecodingSettings, NextToken


class DecoderLoop:
    """Runs a decoder graph one token after the other. Safe to share between threads.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    end_ids : sequence of int
        Tokens that end an answer.
    """

    def __init__(self, session: onnxruntime.InferenceSession, *, end_ids: Sequence[int]):
        self._session = session
        self._end_ids = frozenset(end_ids)
        self._outputs = [output.name for output in session.get_outputs()]
        past = [given for given in session.get_inputs() if given.name.startswith("past.")]
        self._past = [given.name for given in past]
        _, self._heads, _, self._size = past[0].shape

    def tokens(self, prompt: Sequence[int], decoding: DecodingSettings) -> Iterator[int]:
        """Give the token ids of the answer to a prompt as they are chosen, the end mark left out."""
        choice = NextToken(decoding)
        answer: list[int] = []
        past = self._empty_cache()
        new, total = list(prompt), len(prompt)
        while len(answer) < decoding.max_new_tokens:
            logits, *past = self._step(new, total, past)
            token = choice.choose(logits.numpy()[0], answer)
            if token in self._end_ids:
                return
            answer.append(token)
            yield token
            new, total = [token], total + 1

    def loss(self, prompt: Sequence[int], answer: Sequence[int]) -> float:
        """Give the mean negative log-likelihood of the tokens of a given answer."""
        past = self._empty_cache()
        losses = []
        new, total = list(prompt), len(prompt)
        for token in answer:
            output, *past = self._step(new, total, past)
            logits = output.numpy()[0].astype(np.float64)
            highest = logits.max()
            losses.append(highest + np.log(np.exp(logits - highest).sum()) - logits[token])
            new, total = [token], total + 1
        return float(np.mean(losses))

    def _empty_cache(self) -> list[Any]:
        none = np.zeros((1, self._heads, 0, self._size), dtype=np.float32)
        return [onnxruntime.OrtValue.ortvalue_from_numpy(none) for _ in self._past]

    def _step(self, new: Sequence[int], total: int, past: Sequence[Any]) -> list[Any]:
        as_value = onnxruntime.OrtValue.ortvalue_from_numpy
        given = {
            "input_ids": as_value(np.array([new], dtype=np.int64)),
            "seqlens_k": as_value(np.array([total - 1], dtype=np.int32)),
            "total_sequence_length": as_value(np.array(total, dtype=np.int32)),
            **dict(zip(self._past, past, strict=True)),
        }
        found: list[Any] = self._session.run_with_ort_values(self._outputs, given)
        return found
