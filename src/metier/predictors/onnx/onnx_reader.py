"""Answers from passages by an encoder in ONNX that scores where an answer begins and ends: `onnx_reader.v1`.

The folder holds `model.onnx` (token ids and mask in, two scores a token out) and `tokenizer.json`; what is done with
the scores stands in `predictors.span_reading`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from metier.errors import BundleError
from metier.features.tokenization import read_tokenizer
from metier.predictors.answers import RecordAnswers
from metier.predictors.loading import read_settings
from metier.predictors.onnx.onnx_encoder import MODEL_FILE, TOKENIZER_FILE, open_session
from metier.predictors.span_reading import Reading, ReadingSettings, SpanReader, Verdict
from metier.tasks.questions import Question, as_questions

KIND = "onnx_reader.v1"


class OnnxReaderPredictor:
    """Reads passages of any length in windows, without torch. Safe to share between threads.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        Takes `input_ids` and `attention_mask`, gives scores of shape (n_windows, n_tokens, 2).
    tokenizer : Tokenizer
    settings : mapping
        `predictor.json`: name, prefix, window_length, longest_answer, pad_id, verdict, precision.

    Attributes
    ----------
    spans : SpanReader
        What reads, for those who choose the windows themselves.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, tokenizer: Tokenizer, settings: Mapping[str, Any]
    ):
        self.name: str = settings["name"]
        self.labels: tuple[str, ...] = ()
        self._session = session
        # In INT8 the range of a call's activations sets its step: windows must not share one.
        is_quantized = settings["precision"] == "int8"
        self.spans = SpanReader(tokenizer, reading_settings(settings), self._run, one_by_one=is_quantized)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `Reader.export` wrote.

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
        try:
            session = open_session(folder / MODEL_FILE, threads=threads)
        except Exception as error:  # onnxruntime has no common error.
            raise BundleError(
                f"{folder} holds no reader that can be loaded ({error}). "
                "Export it again, or take it from its source."
            ) from error
        tokenizer = read_tokenizer(folder / TOKENIZER_FILE, max_length=settings["window_length"])
        return cls(session, tokenizer, settings)

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Answer questions, mappings with `question` and `passage`.

        Returns
        -------
        RecordAnswers
            Predicted: the answer's text, "" for none. Records: `answer`, `start` and `end` in characters of the
            passage (None for none), `probability` that it is exactly right.
        """
        return self.spans.answer(as_questions(items), name=self.name)

    def read(self, questions: Sequence[Question]) -> list[Reading]:
        """Give the best span of each question's passage, answerable or not."""
        return self.spans.read(questions)

    def _run(self, input_ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        scores: np.ndarray = self._session.run(None, {"input_ids": input_ids, "attention_mask": mask})[0]
        return scores


def reading_settings(settings: Mapping[str, Any]) -> ReadingSettings:
    """Give how passages are read from what `predictor.json` says."""
    return ReadingSettings(
        prefix=settings["prefix"],
        window_length=settings["window_length"],
        longest_answer=settings["longest_answer"],
        pad_id=settings["pad_id"],
        verdict=Verdict.of(settings["verdict"]),
    )
