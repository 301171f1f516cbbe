"""Answers written by ONNX Runtime, without torch: `onnx_generation.v1`.

The folder holds `model.onnx` (see `export.onnx_decoder` for its inputs), `tokenizer.json`, and in `predictor.json`
how prompts are built and tokens chosen. Keys and values of what has been read stay where the runtime put them; a row
is written by itself, so no row waits for a longer one and no answer depends on its neighbours.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime

from metier.errors import BundleError
from metier.predictors.answers import RecordAnswers
from metier.predictors.loading import read_settings
from metier.predictors.onnx.graph_session import MODEL_FILE, TOKENIZER_FILE, open_session
from metier.predictors.onnx.token_choice import DecodingSettings, NextToken, readable
from metier.predictors.text.extracted_sentences import written
from metier.predictors.text.prompting import Codec, FileCodec, Prompts, PromptSettings
from metier.tasks.generation import as_items

KIND = "onnx_generation.v1"


class OnnxGenerationPredictor:
    """A causal model with its cache, answering without torch. Safe to share between threads.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    codec : Codec
    settings : mapping
        `predictor.json`: name, prompt, decoding, end_ids.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, session: onnxruntime.InferenceSession, codec: Codec, settings: Mapping[str, Any]):
        self.name: str = settings["name"]
        self._session = session
        self._codec = codec
        self._prompts = Prompts(PromptSettings.of(settings["prompt"]), codec)
        self._decoding = DecodingSettings(**settings["decoding"])
        self._end_ids = frozenset(settings["end_ids"])
        self._outputs = [output.name for output in session.get_outputs()]
        past = [given for given in session.get_inputs() if given.name.startswith("past.")]
        self._past = [given.name for given in past]
        _, self._heads, _, self._size = past[0].shape

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `Generator.export` wrote.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        settings = read_settings(folder)
        try:
            session = open_session(folder / MODEL_FILE, threads=threads)
        except Exception as error:  # onnxruntime has no common error.
            raise BundleError(
                f"{folder} holds no model that can be loaded ({error}). "
                "Export it again, or take it from its source."
            ) from error
        return cls(session, FileCodec(folder / TOKENIZER_FILE), settings)

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Write an answer to each item."""
        plain = as_items(items) if len(items) else []
        return written([self._answer(prompts) for prompts in map(self._prompts.build, plain)], self.name)

    def stream(self, item: Any) -> Iterator[str]:
        """Give the answer to one item piece by piece, as it is written."""
        prompts = self._prompts.build(as_items([item])[0])
        return self._prompts.join_streams(
            readable(self._tokens(prompt), self._codec.decode) for prompt in prompts
        )

    def _answer(self, prompts: Sequence[Sequence[int]]) -> str:
        answers = [self._codec.decode(list(self._tokens(prompt))).strip() for prompt in prompts]
        return self._prompts.join(answers)

    def loss(self, prompt: Sequence[int], answer: Sequence[int]) -> float:
        """Give the mean negative log-likelihood of the tokens of an answer that somebody else wrote."""
        past = self._nothing_read()
        losses = []
        new, total = list(prompt), len(prompt)
        for token in answer:
            logits, *past = self._step(new, total, past)
            scores = logits.numpy()[0].astype(np.float64)
            highest = scores.max()
            losses.append(highest + np.log(np.exp(scores - highest).sum()) - scores[token])
            new, total = [token], total + 1
        return float(np.mean(losses))

    def _nothing_read(self) -> list[Any]:
        none = np.zeros((1, self._heads, 0, self._size), dtype=np.float32)
        return [onnxruntime.OrtValue.ortvalue_from_numpy(none) for _ in self._past]

    def _tokens(self, prompt: Sequence[int]) -> Iterator[int]:
        """Token ids of the answer, the end mark left out."""
        choice = NextToken(self._decoding)
        answer: list[int] = []
        past = self._nothing_read()
        new, total = list(prompt), len(prompt)
        while len(answer) < self._decoding.max_new_tokens:
            logits, *past = self._step(new, total, past)
            token = choice.choose(logits.numpy()[0], answer)
            if token in self._end_ids:
                return
            answer.append(token)
            yield token
            new, total = [token], total + 1

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
