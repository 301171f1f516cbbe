"""Transcription: `transcription.v1`, a Whisper in the form of CTranslate2, answered without torch.

The folder holds `speech/` with `model.bin` (8-bit weights), `config.json`, `vocabulary.json`, `tokenizer.json` and
`preprocessor_config.json`, and in `predictor.json` the language.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from metier.predictors.loading import as_bundle_error, read_settings
from metier.predictors.text.extracted_sentences import written
from metier.speech import Transcriber, find_speech_model
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.inputs.audio import AUDIO

KIND = "transcription.v1"
SPEECH_FOLDER = "speech"


class TranscriptionPredictor:
    """A speech model that writes down what is said. Safe to share between threads.

    Parameters
    ----------
    transcriber : Transcriber
    settings : mapping
        `predictor.json`: name.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, transcriber: Transcriber, settings: Mapping[str, Any]):
        self.name: str = settings["name"]
        self._transcriber = transcriber

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what a method of speech exported, the weights at once; the folder is not needed afterwards."""
        settings = read_settings(folder)
        with as_bundle_error(folder, "does not hold a complete speech model"):
            model = find_speech_model(str(folder / SPEECH_FOLDER))
            transcriber = Transcriber(model, language=settings["language"], threads=threads, caches=False)
            transcriber.load()
        return cls(transcriber, settings)

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Write down what is said in each recording, one after the other."""
        recordings = AUDIO.read(items) if len(items) else []
        return written([self._transcriber.transcribe(one).text for one in recordings], self.name)
