"""The words that are said in a recording."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from metier.tasks.answers.asking import Asking
from metier.tasks.answers.kind import RecordFields, Words
from metier.tasks.answers.written_text import WrittenText
from metier.text.spoken_forms import spoken_words


@dataclass(frozen=True)
class Transcript(WrittenText):
    """A written text that is compared as it is spoken: case and punctuation are no errors."""

    name: ClassVar[str] = "transcript"
    asking: ClassVar[Asking | None] = None  # Recordings are shown to no model that is asked in words.
    why_not: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            **WrittenText.why_not,
            "in_context": "A prompt holds texts, and an example would be a recording.",
            "pretraining": "Masked words are words of texts, and its base hears.",
            "augmentation": "Augmentations are edits of texts, and a recording is none.",
        }
    )
    words: ClassVar[Words] = Words("automatic-speech-recognition", "Writes down what is said in {item}.")
    record: ClassVar[RecordFields] = {"text": (str, "What is said in the recording.")}

    def is_right(self, target: Any, predicted: Any) -> bool:
        """Whether every word is right."""
        return spoken_words(target) == spoken_words(predicted)


TRANSCRIPT = Transcript()
