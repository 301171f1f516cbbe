"""An encoder-decoder's two graphs as a model that writes token by token (`export.onnx_encoder_decoder` writes them).

A text is read once; what the decoder looks at of it is kept beside the cache of its own tokens, and is not copied when
beams of one text change places. Which token comes before every answer, which one an answer has to begin with, and
which never come are part of such a model, and so are kept here: a BART writes <s> first, a Marian never its padding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import onnxruntime

from metier.features.tokenization import batches_by_length, pad

MASK = "attention_mask"
MOST_ROWS = 16
TOKEN_BUDGET = 4096  # Tokens of rows that are read side by side, padding included.


@dataclass(frozen=True)
class TokenRules:
    """What a model of this kind writes whatever the text is; JSON.

    Parameters
    ----------
    start_id : int
        The token before every answer.
    first_id : int or None
        The token that every answer begins with.
    never : tuple of int
        Tokens that never come.
    never_first : tuple of int
        Tokens that no answer begins with.
    """

    start_id: int
    first_id: int | None = None
    never: tuple[int, ...] = ()
    never_first: tuple[int, ...] = ()

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read them back from JSON."""
        lists = {"never": tuple(settings["never"]), "never_first": tuple(settings["never_first"])}
        return cls(**{**settings, **lists})

    def kept(self, logits: np.ndarray, *, is_first: bool) -> np.ndarray:
        """Give logits of shape (n_rows, n_tokens), minus infinity where a token must not come."""
        if is_first and self.first_id is not None:
            only = np.full_like(logits, -np.inf)
            only[:, self.first_id] = 0.0
            return only
        gone = [*self.never, *(self.never_first if is_first else ())]
        if gone:
            logits = logits.copy()
            logits[:, gone] = -np.inf
        return logits


@dataclass(frozen=True)
class Reading:
    """What was read of some texts, and written to each.

    Parameters
    ----------
    mask : ndarray of int32 of shape (n_rows, n_read)
    cross : sequence of OrtValue
        Keys and values of the texts, layer by layer.
    past : sequence of OrtValue
        Those of the answers.
    texts : tuple of int
        Which text each row is an answer to: rows of one text share what is kept of it.
    """

    mask: np.ndarray
    cross: Sequence[Any]
    past: Sequence[Any]
    texts: tuple[int, ...]


class EncoderDecoderLoop:
    """Runs both graphs: a `StepwiseModel`. Safe to share between threads.

    Parameters
    ----------
    encoder, decoder : onnxruntime.InferenceSession
    rules : TokenRules

    Attributes
    ----------
    most_rows : int
        Rows that are best read side by side at most.
    """

    def __init__(
        self, encoder: onnxruntime.InferenceSession, decoder: onnxruntime.InferenceSession, rules: TokenRules
    ):
        self._encoder, self._decoder, self._rules = encoder, decoder, rules
        self._cross = [output.name for output in encoder.get_outputs()]
        self._outputs = [output.name for output in decoder.get_outputs()]
        past = [given for given in decoder.get_inputs() if given.name.startswith("past.")]
        self._past = [given.name for given in past]
        _, self._heads, _, self._size = past[0].shape
        self.most_rows = MOST_ROWS

    def start(self, prompts: Sequence[Sequence[int]]) -> tuple[np.ndarray, Reading]:
        """Read the texts; see `StepwiseModel`."""
        ids, mask = pad(prompts, pad_id=0)
        given = {"input_ids": _as_value(ids), MASK: _as_value(mask.astype(np.int32))}
        cross = self._encoder.run_with_ort_values(self._cross, given)
        none = _as_value(np.zeros((len(prompts), self._heads, 0, self._size), dtype=np.float32))
        texts = Reading(mask.astype(np.int32), cross, [none for _ in self._past], tuple(range(len(prompts))))
        logits, state = self._read([[self._rules.start_id]] * len(prompts), texts)
        return self._rules.kept(logits[:, -1], is_first=True), state

    def advance(self, tokens: Sequence[int], state: Reading) -> tuple[np.ndarray, Reading]:
        """Read one more token of each answer."""
        logits, state = self._read([[token] for token in tokens], state)
        return self._rules.kept(logits[:, -1], is_first=False), state

    def select(self, state: Reading, rows: Sequence[int]) -> Reading:
        """Give the state of these rows."""
        rows = list(rows)
        if rows == list(range(len(state.texts))):
            return state
        past = [_as_value(one.numpy()[rows]) for one in state.past]
        texts = tuple(state.texts[row] for row in rows)
        if texts == state.texts:
            return Reading(state.mask, state.cross, past, texts)
        mask = state.mask[rows]
        longest = int(mask.sum(axis=1).max())  # Padding that no row needs any more is left behind.
        cross = [_as_value(one.numpy()[rows][:, :, :longest]) for one in state.cross]
        return Reading(np.ascontiguousarray(mask[:, :longest]), cross, past, texts)

    def loss(self, prompt: Sequence[int], answer: Sequence[int]) -> float:
        """Give the mean negative log-likelihood of the tokens of a given answer."""
        return self.losses([prompt], [answer])[0]

    def losses(self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> list[float]:
        """Give what `loss` gives for several answers; all tokens of an answer are read at once."""
        found = [0.0] * len(prompts)
        lengths = [len(prompt) + len(answer) for prompt, answer in zip(prompts, answers, strict=True)]
        for some in batches_by_length(lengths, token_budget=TOKEN_BUDGET):
            given = [self._begun(answers[row]) for row in some]
            logits = self.logits_of([prompts[row] for row in some], [tokens[:-1] for tokens in given])
            for row, scores, tokens in zip(some, logits, given, strict=True):
                wanted = answers[row]  # The first token that was put before it does not count.
                found[row] = _mean_loss(scores[len(tokens) - len(wanted) : len(tokens)], wanted)
        return found

    def logits_of(self, prompts: Sequence[Sequence[int]], written: Sequence[Sequence[int]]) -> np.ndarray:
        """Give what is predicted at each token of given answers and at their ends, whatever the rules say.

        Returns
        -------
        ndarray of shape (n_rows, longest + 1, n_tokens)
            Behind the end of a row nothing is meant.
        """
        _, state = self.start(prompts)
        none = _as_value(np.zeros((len(prompts), self._heads, 0, self._size), dtype=np.float32))
        fresh = Reading(state.mask, state.cross, [none for _ in self._past], state.texts)
        return self._read([[self._rules.start_id, *tokens] for tokens in written], fresh)[0]

    def _begun(self, answer: Sequence[int]) -> list[int]:
        first = self._rules.first_id
        return list(answer) if first is None or (answer and answer[0] == first) else [first, *answer]

    def _read(self, new: Sequence[Sequence[int]], state: Reading) -> tuple[np.ndarray, Reading]:
        ids, _ = pad(new, pad_id=0)
        given = {
            "input_ids": _as_value(ids),
            MASK: _as_value(state.mask),
            **dict(zip(self._cross, state.cross, strict=True)),
            **dict(zip(self._past, state.past, strict=True)),
        }
        logits, *past = self._decoder.run_with_ort_values(self._outputs, given)
        return logits.numpy(), Reading(state.mask, state.cross, past, state.texts)


def _as_value(array: np.ndarray) -> Any:
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def _mean_loss(logits: np.ndarray, wanted: Sequence[int]) -> float:
    """Mean negative log-likelihood of tokens, from logits of shape (n_wanted, n_tokens)."""
    logits = logits.astype(np.float64)
    highest = logits.max(axis=1)
    sums = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return float((sums - logits[np.arange(len(wanted)), list(wanted)]).mean())
