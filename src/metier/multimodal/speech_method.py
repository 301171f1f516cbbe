"""What methods that write down speech have in common: recordings in, transcripts out, one way to answer and to export."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from metier.bases.base import Base
from metier.export.speech_export import export_speech_model
from metier.predictors.loading import write_settings
from metier.predictors.speech.transcription import KIND, SPEECH_FOLDER, TranscriptionPredictor
from metier.speech import Recording
from metier.tasks.answers.transcript import TRANSCRIPT
from metier.tasks.examples import Examples
from metier.tasks.inputs.audio import AUDIO

TIMED_RECORDINGS = 3
SERVED_BYTES = 250_000_000  # What the served model takes while it answers.


class SpeechMethod(BaseEstimator):
    """A method whose items are recordings and whose answers are what is said in them.

    Attributes
    ----------
    base_ : Base
    language_ : str
        ISO 639-1 code of what is spoken.
    whisper_ : WhisperForConditionalGeneration
        As it answers.
    """

    name: ClassVar[str]
    base_: Base
    language_: str
    whisper_: Any

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that `X` is a list of recordings."""
        return AUDIO.tags(super().__sklearn_tags__())

    def predict(self, X: Any) -> list[str]:
        """Write down what is said in each recording."""
        check_is_fitted(self)
        return list(self._answering().predict(X).predicted)

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.speech.transcription` answers from."""
        check_is_fitted(self)
        folder.mkdir(parents=True, exist_ok=True)
        export_speech_model(self.whisper_, self.base_, folder / SPEECH_FOLDER)
        write_settings(
            folder,
            {"kind": KIND, "name": self.name, "labels": [], "language": self.language_, "precision": "int8"},
        )

    def _answering(self) -> TranscriptionPredictor:
        """What answers: the exported model, made once."""
        if not hasattr(self, "_predictor"):
            with tempfile.TemporaryDirectory() as folder:
                self.export(Path(folder))
                self._predictor = TranscriptionPredictor.load(Path(folder))
        return self._predictor

    def _time_answers(self, recordings: Sequence[Recording]) -> tuple[float, float]:
        """Give the seconds until the model can answer, and those of an answer: the first is not counted."""
        some = recordings[:: max(1, len(recordings) // TIMED_RECORDINGS)][:TIMED_RECORDINGS]
        began = time.perf_counter()
        predictor = self._answering()
        predictor.predict(some[:1])
        ready = time.perf_counter()
        predictor.predict(some)
        return ready - began, (time.perf_counter() - ready) / len(some)

    def _set_model(self, whisper: Any) -> None:
        """Answer by another model from now on."""
        self.whisper_ = whisper
        self.__dict__.pop("_predictor", None)


def read_examples(X: Any, y: Any, *, origin: str = "these rows") -> Examples:
    """Check recordings and their transcripts."""
    return TRANSCRIPT.check(AUDIO.read(X), y, origin=origin)
