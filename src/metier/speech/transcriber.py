"""Speech to text by a Whisper model [1]_ on CTranslate2, with what keeps it from writing what nobody said.

Whisper was trained to continue subtitles, so on silence it writes thanks for watching, and after one repeated sentence it
repeats it for minutes. Here silence is taken out before (voice activity, Silero), a piece is not conditioned on the text
of the piece before it, and what repeats itself or stands where nobody speaks is left out, and said. The beam is
deterministic: where a piece repeats itself it is heard again with repetition forbidden, not by drawing at random.

Chinese it writes in either script, as its subtitles were, and in both within a minute; here it is written in simplified
characters. A sentence in them before the first word asks for that too, but makes it write more than was said (measured).

References
----------
.. [1] Radford et al., "Robust speech recognition via large-scale weak supervision", 2022, arXiv:2212.04356.
"""

import functools
import importlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from metier.errors import BaseModelError, MissingExtraError
from metier.progress import Listener, Progress, ignore
from metier.speech import transcript_cache
from metier.speech.decoding import MOST_SECONDS, RATE, format_of
from metier.speech.models import AUTO, SpeechModel, find_speech_model
from metier.speech.pieces import pieces
from metier.speech.recording import Recording
from metier.speech.transcript import Segment, Transcript, Word
from metier.text.traditional import to_simplified

BEAM = 5
# The gates, with the values of the paper: a text that compresses better repeats itself; one that is this improbable, where
# the model takes it for probable that nobody speaks, was not said.
MOST_COMPRESSION, LEAST_LOG_PROBABILITY, MOST_NO_SPEECH = 2.4, -1.0, 0.6
CHINESE = "zh"
SILENCE_SECONDS = 2.0  # A silence inside a segment that is longer makes its words doubtful (faster-whisper).
SHORT_SECONDS = (
    3.0  # A shorter recording is one word or a few: it is heard whole, as the voice detector needs context.
)
REPETITION = "it repeats itself"
NOBODY = "nobody seems to speak"
WITHOUT_REPETITION = {"no_repeat_ngram_size": 3, "repetition_penalty": 1.1}


class Transcriber:
    """A speech model that turns recordings into text; loaded on first use, and safe to share between threads.

    Parameters
    ----------
    model : SpeechModel, str or Path
        Found before, or named as `find_speech_model` takes it.
    language : str, optional
        ISO 639-1 code of what is spoken; None: that of a model of one language, else heard from each recording.
    threads : int, default=1
        Threads of one recording.
    caches : bool, default=True
        Whether what was heard is kept, by the content of the recording and the model.

    Raises
    ------
    UnknownNameError, MissingExtraError, BaseModelError, WrongHashError
        As `find_speech_model` does.
    """

    def __init__(
        self,
        model: SpeechModel | str = AUTO,
        *,
        language: str | None = None,
        threads: int = 1,
        caches: bool = True,
    ):
        found = model if isinstance(model, SpeechModel) else find_speech_model(model, language=language)
        self.model = found
        self.language = language or (found.languages[0] if len(found.languages) == 1 else None)
        if self.language == "*":
            self.language = None
        self.threads = threads
        self.caches = caches
        self._lock = threading.Lock()

    def told(self, language: str | None) -> "Transcriber":
        """Give the same, told which language is spoken; None: as it is."""
        if language is None or language == self.language:
            return self
        return Transcriber(self.model, language=language, threads=self.threads, caches=self.caches)

    def transcribe(
        self, recording: Recording, *, most_seconds: float = MOST_SECONDS, listener: Listener = ignore
    ) -> Transcript:
        """Turn a recording into text, a few minutes at a time.

        Parameters
        ----------
        most_seconds : float
            A longer recording is refused.
        listener : Listener
            Called with the seconds heard so far.

        Raises
        ------
        AudioError, AudioTooLongError
            If the recording cannot be read, or is too long.
        MissingExtraError
            If faster-whisper is not installed.
        BaseModelError
            If the model cannot be loaded.
        """
        stated = format_of(recording, most_seconds=most_seconds).seconds
        # What was sent by others is not kept.
        caches = self.caches and not isinstance(recording.source, bytes)
        key = transcript_cache.key_of(recording.digest(), self.model.sha256, self.language)
        kept = transcript_cache.read(key) if caches else None
        if kept is not None:
            return kept
        segments, left_out = list[Segment](), list[tuple[float, float, str]]()
        language, seconds = self.language, 0.0
        for start, samples in pieces(recording, most_seconds=most_seconds):
            found, dropped, language = self._hear(samples, language)
            segments += [one.moved(start) for one in found]
            left_out += [(one.start + start, one.end + start, why) for one, why in dropped]
            seconds = start + len(samples) / RATE
            listener(Progress(f"hearing {recording.called}", seconds, stated, unit="seconds"))
        transcript = Transcript(tuple(segments), language or "", seconds, self.model.name, tuple(left_out))
        if caches:
            transcript_cache.write(key, transcript)
        return transcript

    def _hear(
        self, samples: np.ndarray, language: str | None
    ) -> tuple[list[Segment], list[tuple[Segment, str]], str | None]:
        """Hear one piece: the segments to keep, those to leave out with the reason, and the language."""
        is_short = len(samples) < SHORT_SECONDS * RATE
        if is_short and not samples.any():  # Exact silence; of noise the gates have to judge.
            return [], [], language
        heard, found = self._segments(samples, language, filters=not is_short)
        if any(one.compression_ratio > MOST_COMPRESSION for one in heard):
            heard, found = self._segments(samples, language, filters=not is_short, **WITHOUT_REPETITION)
        kept, dropped = list[Segment](), list[tuple[Segment, str]]()
        for one in heard:
            reason = _doubt(one)
            if reason:
                dropped.append((one, reason))
            else:
                kept.append(one)
        return kept, dropped, (language or found) if kept else language

    def _segments(
        self, samples: np.ndarray, language: str | None, *, filters: bool, **how: Any
    ) -> tuple[list[Segment], str]:
        heard, about = self._loaded.transcribe(
            samples,
            language=language,
            beam_size=BEAM,
            temperature=0.0,
            condition_on_previous_text=False,
            vad_filter=filters,
            word_timestamps=True,
            compression_ratio_threshold=MOST_COMPRESSION,
            log_prob_threshold=LEAST_LOG_PROBABILITY,
            no_speech_threshold=MOST_NO_SPEECH,
            hallucination_silence_threshold=SILENCE_SECONDS,
            **how,
        )
        script = to_simplified if about.language == CHINESE else str
        return list(_as_segments(heard, script)), str(about.language)

    def load(self) -> None:
        """Load the model, which the first recording would wait for; raises as `transcribe` does."""
        _ = self._loaded

    @functools.cached_property
    def _loaded(self) -> Any:
        """The model in memory."""
        with self._lock:
            return _load(str(self.model.folder), self.threads)


@functools.lru_cache(maxsize=2)
def _load(folder: str, threads: int) -> Any:
    try:
        whisper = importlib.import_module("faster_whisper")
    except ModuleNotFoundError:
        raise MissingExtraError("Turning speech into text", extra="speech") from None
    try:
        return whisper.WhisperModel(
            folder, device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise BaseModelError(
            f"The speech model in {folder} cannot be loaded ({error}). Take it from its source again."
        ) from None


def _as_segments(heard: Any, script: Callable[[str], str]) -> Iterator[Segment]:
    """Give what is heard, as it comes, in the script that it is to be written in."""
    for one in heard:
        words = tuple(
            Word(script(word.word), float(word.start), float(word.end), float(word.probability))
            for word in one.words or ()
        )
        yield Segment(
            float(one.start),
            float(one.end),
            script(one.text),
            words,
            float(one.avg_logprob),
            float(one.no_speech_prob),
            float(one.compression_ratio),
        )


def _doubt(segment: Segment) -> str | None:
    """Give why a segment is not believed; None: it is."""
    if segment.compression_ratio > MOST_COMPRESSION:
        return REPETITION
    is_improbable = segment.mean_log_probability < LEAST_LOG_PROBABILITY
    if is_improbable and segment.no_speech_probability > MOST_NO_SPEECH:
        return NOBODY
    return None
