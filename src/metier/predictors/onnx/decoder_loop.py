"""The decoding loop: generates a text token by token with a decoder graph and its cache of keys and values.

This is the only place that knows the graph's inputs (`export.onnx_decoder` writes it). The loop is ours and not
onnxruntime-genai's: that was measured to be as fast, not faster, and would be a second way beside this one, which
sealed bundles need (docs/decisions/0010-our-own-decoder-loop.md).

Keys and values of what has been read stay where the runtime put them; nothing is copied between two tokens.

Several answers are written side by side: a step reads all weights, which is most of its time, once for all of them. Prompts
are padded behind, and the operator of attention knows how long each row is, so no row sees another or the padding. Graphs
that were sealed before take one row at a time.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnxruntime

from metier.features.tokenization import batches_by_length
from metier.predictors.text.decoding.token_choice import DecodingSettings, NextToken

LAST = "last"
TOKEN_BUDGET = 4096  # Tokens of rows that are written side by side, what is to be written included.
MOST_ROWS = 16


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
        self._takes_many = any(given.name == LAST for given in session.get_inputs())
        _, self._heads, _, self._size = past[0].shape

    def tokens(self, prompt: Sequence[int], decoding: DecodingSettings) -> Iterator[int]:
        """Give the token ids of the answer to a prompt as they are chosen, the end mark left out."""
        choice = NextToken(decoding)
        answer: list[int] = []
        past = self._empty_cache(1)
        new, total = list(prompt), len(prompt)
        while len(answer) < decoding.max_new_tokens:
            logits, *past = self._step([new], [total], past)
            token = choice.choose(logits.numpy()[0], answer)
            if token in self._end_ids:
                return
            answer.append(token)
            yield token
            new, total = [token], total + 1

    def answers(self, prompts: Sequence[Sequence[int]], decoding: DecodingSettings) -> list[list[int]]:
        """Give the token ids of the answers to several prompts, those of like length side by side."""
        if not self._takes_many:
            return [list(self.tokens(prompt, decoding)) for prompt in prompts]
        found: list[list[int]] = [[] for _ in prompts]
        lengths = [len(prompt) + decoding.max_new_tokens for prompt in prompts]
        for some in _batches(lengths):
            written = self._side_by_side([prompts[position] for position in some], decoding)
            for position, answer in zip(some, written, strict=True):
                found[position] = answer
        return found

    def _side_by_side(self, prompts: Sequence[Sequence[int]], decoding: DecodingSettings) -> list[list[int]]:
        answers: list[list[int]] = [[] for _ in prompts]
        choices = [NextToken(decoding) for _ in prompts]
        past = self._empty_cache(len(prompts))
        rows, new = list(range(len(prompts))), [list(prompt) for prompt in prompts]
        lengths = [len(prompt) for prompt in prompts]
        for _ in range(decoding.max_new_tokens):
            logits, *past = self._step(new, lengths, past)
            tokens = [
                choices[row].choose(scores, answers[row])
                for row, scores in zip(rows, logits.numpy(), strict=True)
            ]
            goes_on = [at for at, token in enumerate(tokens) if token not in self._end_ids]
            for at in goes_on:
                answers[rows[at]].append(tokens[at])
            if not goes_on:
                break
            if len(goes_on) < len(rows):  # What is finished is not read on.
                past = [_rows_of(one, goes_on) for one in past]
            rows = [rows[at] for at in goes_on]
            new, lengths = [[tokens[at]] for at in goes_on], [lengths[at] + 1 for at in goes_on]
        return answers

    def loss(self, prompt: Sequence[int], answer: Sequence[int]) -> float:
        """Give the mean negative log-likelihood of the tokens of a given answer."""
        past = self._empty_cache(1)
        losses = []
        new, total = list(prompt), len(prompt)
        for token in answer:
            output, *past = self._step([new], [total], past)
            losses.append(_negative_log_likelihood(output.numpy()[0], token))
            new, total = [token], total + 1
        return float(np.mean(losses))

    def losses(self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> list[float]:
        """Give what `loss` gives for several answers, those to prompts of like length side by side."""
        if not self._takes_many:
            return [self.loss(*row) for row in zip(prompts, answers, strict=True)]
        found = [0.0] * len(prompts)
        lengths = [len(prompt) + len(answer) for prompt, answer in zip(prompts, answers, strict=True)]
        for some in _batches(lengths):
            given = [answers[position] for position in some]
            past = self._empty_cache(len(some))
            new = [list(prompts[position]) for position in some]
            totals = [len(tokens) for tokens in new]
            sums = np.zeros(len(some))
            for at in range(max(map(len, given))):
                output, *past = self._step(new, totals, past)
                for row, (scores, answer) in enumerate(zip(output.numpy(), given, strict=True)):
                    sums[row] += _negative_log_likelihood(scores, answer[at]) if at < len(answer) else 0.0
                # A row that has ended goes on with its last token, which counts no more.
                new = [[answer[min(at, len(answer) - 1)]] for answer in given]
                totals = [total + 1 for total in totals]
            for position, total, answer in zip(some, sums, given, strict=True):
                found[position] = float(total / len(answer))
        return found

    def _empty_cache(self, n_rows: int) -> list[Any]:
        none = np.zeros((n_rows, self._heads, 0, self._size), dtype=np.float32)
        return [onnxruntime.OrtValue.ortvalue_from_numpy(none) for _ in self._past]

    def _step(self, new: Sequence[Sequence[int]], lengths: Sequence[int], past: Sequence[Any]) -> list[Any]:
        """Read new tokens of each row; `lengths` are those of the rows with them."""
        as_value = onnxruntime.OrtValue.ortvalue_from_numpy
        ids = np.zeros((len(new), max(map(len, new))), dtype=np.int64)
        for row, tokens in enumerate(new):
            ids[row, : len(tokens)] = tokens
        given = {
            "input_ids": as_value(ids),
            "seqlens_k": as_value(np.array(lengths, dtype=np.int32) - np.int32(1)),
            "total_sequence_length": as_value(np.array(max(lengths), dtype=np.int32)),
            **dict(zip(self._past, past, strict=True)),
        }
        if self._takes_many:
            given[LAST] = as_value(np.array([len(tokens) - 1 for tokens in new], dtype=np.int64))
        found: list[Any] = self._session.run_with_ort_values(self._outputs, given)
        return found


def _batches(lengths: Sequence[int]) -> Iterator[np.ndarray]:
    """Positions of rows of like length, as many as are read side by side."""
    for positions in batches_by_length(lengths, token_budget=TOKEN_BUDGET):
        for start in range(0, len(positions), MOST_ROWS):
            yield positions[start : start + MOST_ROWS]


def _negative_log_likelihood(logits: np.ndarray, token: int) -> float:
    logits = logits.astype(np.float64)
    highest = logits.max()
    return float(highest + np.log(np.exp(logits - highest).sum()) - logits[token])


def _rows_of(value: Any, rows: Sequence[int]) -> Any:
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(value.numpy()[list(rows)]))
