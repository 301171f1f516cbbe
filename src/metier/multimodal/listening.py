"""How a Whisper base is fed: recordings become log-mel features, transcripts become tokens."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import transformers

from metier.bases.base import Base
from metier.errors import DataError, SettingsError
from metier.multimodal.speech_rows import FRAMES_A_POSITION, SpeechRows
from metier.predictors.text.prompting import FileCodec
from metier.progress import Listener, Progress, ignore
from metier.speech import Recording, samples

LONGEST_SECONDS = 30.0  # What the model hears at once.
SILENCE_SECONDS = 0.5  # Kept after a recording: where it ends is part of what the model goes by.
FRAMES_A_SECOND = 100
STAMP_SECONDS = 0.02  # From one time stamp to the next.
START, END, TRANSCRIBE, NO_STAMPS = (
    "<|startoftranscript|>",
    "<|endoftext|>",
    "<|transcribe|>",
    "<|notimestamps|>",
)
ENGLISH = "en"


class Listening:
    """How a base is fed.

    Parameters
    ----------
    base : Base
    language : str, optional
        ISO 639-1 code of what is spoken; None: the one that the base hears, or English.

    Raises
    ------
    SettingsError
        If the base does not hear the language.
    """

    def __init__(self, base: Base, *, language: str | None = None):
        self.base = base
        self.language = language or (base.languages[0] if base.languages != ("*",) else ENGLISH)
        self._extractor: Any = transformers.WhisperFeatureExtractor.from_pretrained(base.folder)
        self._codec = FileCodec(base.folder / "tokenizer.json")
        self._prompt = self._first_tokens()
        self._end = self._mark(END)
        self._first_stamp = self._mark(NO_STAMPS) + 1

    def rows(
        self,
        recordings: Sequence[Recording],
        transcripts: Sequence[str],
        *,
        origin: str = "these rows",
        listener: Listener = ignore,
    ) -> tuple[SpeechRows, int]:
        """Give rows to learn from, and how many were left out as they are longer than the model hears at once.

        Raises
        ------
        AudioError
            If a recording cannot be read.
        DataError
            If all of them are too long.
        """
        features, ids, n_longer = list[np.ndarray](), list[list[int]](), 0
        for number, (recording, transcript) in enumerate(zip(recordings, transcripts, strict=True)):
            listener(Progress(f"hearing with {self.base.name}", number, len(recordings), unit="rows"))
            heard = samples(recording)
            seconds = len(heard) / self._extractor.sampling_rate
            written = self.tokens(transcript, seconds)
            if seconds > LONGEST_SECONDS or len(written) > self.base.max_length:
                n_longer += 1
                continue
            features.append(self.features(heard))
            ids.append(written)
        if not features:
            raise DataError(
                f"Each of the {n_longer} recordings of {origin} is longer than {LONGEST_SECONDS:.0f} seconds, the most "
                "that the model hears at once. Cut them where somebody pauses, each with its own transcript."
            )
        return SpeechRows(features, ids, len(self._prompt), self._first_stamp), n_longer

    def features(self, heard: np.ndarray) -> np.ndarray:
        """Give the log-mel features of samples and of a little silence after, float16 of shape (n_bins, n_frames)."""
        rate = self._extractor.sampling_rate
        seconds = min(len(heard) / rate + SILENCE_SECONDS, LONGEST_SECONDS)
        n_frames = FRAMES_A_POSITION * int(np.ceil(seconds * FRAMES_A_SECOND / FRAMES_A_POSITION))
        whole = self._extractor(heard, sampling_rate=rate, return_tensors="np").input_features[0]
        return np.asarray(whole[:, :n_frames], dtype=np.float16)

    def tokens(self, transcript: str, seconds: float) -> list[int]:
        """Give the tokens of a transcript with its time stamps; a space is before its first word, as the model writes."""
        last = self._first_stamp + round(min(seconds, LONGEST_SECONDS) / STAMP_SECONDS)
        words = self._codec.encode(f" {transcript.strip()}")
        return [*self._prompt, self._first_stamp, *words, last, self._end]

    def _first_tokens(self) -> list[int]:
        """What the model is given before a transcript; one of many languages is told which, and not to translate."""
        if self.base.languages == (ENGLISH,):
            if self.language != ENGLISH:
                raise SettingsError(
                    [f"language is {self.language!r}, but the base {self.base.name!r} hears en alone"]
                )
            return [self._mark(START)]
        return [self._mark(START), self._mark(f"<|{self.language}|>"), self._mark(TRANSCRIBE)]

    def _mark(self, token: str) -> int:
        found = self._codec.encode_marks(token)
        if len(found) != 1:
            raise SettingsError(
                [f"language is {self.language!r}, but the base {self.base.name!r} has no {token}"]
            )
        return found[0]
