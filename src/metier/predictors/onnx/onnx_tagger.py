"""Spans found by an encoder in ONNX and a linear head on every token: `onnx_tagger.v1`.

The folder holds `model.onnx` (token ids and mask in, one vector a token out), `tokenizer.json` and
`head.safetensors`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from metier.features.token_windows import Frame, cut, read_whole, unit_values
from metier.features.tokenization import pad, read_tokenizer
from metier.predictors.answers import RecordAnswers
from metier.predictors.loading import read_settings
from metier.predictors.onnx.onnx_encoder import TOKENIZER_FILE, open_with_head
from metier.predictors.spans import span_answers
from metier.tasks.scored_spans import ScoredSpan
from metier.tasks.tag_decoding import TagDecoder
from metier.text.casing import casings

KIND = "onnx_tagger.v1"
TEXTS_AT_ONCE = 256


class OnnxTaggerPredictor:
    """An encoder and a linear head on every token, finding spans without torch.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        Takes `input_ids` and `attention_mask`, gives vectors of shape (n_texts, n_tokens, hidden_size).
    tokenizer : Tokenizer
        Cuts no text off.
    head : mapping of str to ndarray
        `weight` of shape (n_tags, hidden_size) and `bias` of shape (n_tags,), the linear head, and `casing` of shape
        (n_casings, n_tags), what the casing of a token adds.
    settings : mapping
        `predictor.json`: name, labels, prefix, max_length, pad_id, precision, and those of `TagDecoder`.
    threads : int
        Of one call.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        tokenizer: Tokenizer,
        head: Mapping[str, np.ndarray],
        settings: Mapping[str, Any],
        *,
        threads: int = 1,
    ):
        self.name: str = settings["name"]
        self.labels: tuple[str, ...] = tuple(settings["labels"])
        self._session = session
        self._tokenizer = tokenizer
        self._frame = Frame.of(tokenizer, prefix=settings["prefix"], max_length=settings["max_length"])
        self._pad_id: int = settings["pad_id"]
        self._is_quantized: bool = settings["precision"] == "int8"
        self._threads = threads
        self._weight = np.ascontiguousarray(head["weight"].T, dtype=np.float32)
        self._bias = np.asarray(head["bias"], dtype=np.float32)
        self._casing = np.asarray(head["casing"], dtype=np.float32)
        self._decoder = TagDecoder.of(settings)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `TokenEncoder.export` wrote.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        """
        settings = read_settings(folder)
        session, head = open_with_head(folder, settings, threads=threads)
        tokenizer = read_whole(read_tokenizer(folder / TOKENIZER_FILE, max_length=settings["max_length"]))
        return cls(session, tokenizer, head, settings, threads=threads)

    def predict(self, texts: Sequence[str]) -> RecordAnswers:
        """Find the spans of texts, however long; a long sequence is worked off in batches."""
        found: list[list[ScoredSpan]] = []
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            some = texts[start : start + TEXTS_AT_ONCE]
            pieces = [cut(self._tokenizer, text) for text in some]
            values = unit_values(pieces, self._frame, self._run, n_values=len(self._bias))
            for text, cut_up, logits in zip(some, pieces, values, strict=True):
                logits += self._casing[casings(text, cut_up.offsets)]
                found.append(self._decoder.spans(logits, cut_up.offsets))
        return span_answers(texts, found, name=self.name)

    def _run(self, rows: Sequence[Any]) -> list[np.ndarray]:
        if self._is_quantized:
            # The range of a call's activations sets its step: a row's answer must not hang on its neighbours.
            return [self._states([row])[0] @ self._weight + self._bias for row in rows]
        states = self._states(rows)
        return [
            values[: len(row)] @ self._weight + self._bias for values, row in zip(states, rows, strict=True)
        ]

    def _states(self, rows: Sequence[Any]) -> np.ndarray:
        input_ids, mask = pad(rows, pad_id=self._pad_id)
        states: np.ndarray = self._session.run(None, {"input_ids": input_ids, "attention_mask": mask})[0]
        return states
