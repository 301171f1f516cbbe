"""Spans looked up in a dictionary: `dictionary_tagger.v1`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from metier.features.gazetteer import Gazetteer
from metier.predictors.loading import read_settings, write_settings
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.answers.scored_spans import ScoredSpan, span_answers
from metier.text.tokens import token_offsets

KIND = "dictionary_tagger.v1"
PHRASES_FILE = "phrases.json"


class DictionaryTaggerPredictor:
    """Finds known phrases, the longest first, in any case of letters. Safe to share between threads.

    Parameters
    ----------
    phrases : Gazetteer
    probabilities : mapping of str to float
        How often each phrase was right where it stood in the training texts.
    labels : sequence of str
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(
        self, *, phrases: Gazetteer, probabilities: Mapping[str, float], labels: Sequence[str], name: str
    ):
        self.phrases = phrases
        self.probabilities = dict(probabilities)
        self.labels = tuple(labels)
        self.name = name

    def predict(self, texts: Sequence[str]) -> RecordAnswers:
        """Find the phrases in texts."""
        return span_answers(texts, [self.spans(text) for text in texts], name=self.name)

    def spans(self, text: str) -> list[ScoredSpan]:
        """Find the phrases in one text."""
        offsets = token_offsets(text)
        words = [text[start:end].lower() for start, end in offsets]
        return [
            ScoredSpan(
                offsets[match.first][0],
                offsets[match.stop - 1][1],
                match.label,
                self.probabilities[match.phrase],
            )
            for match in self.phrases.matches(words)
        ]

    def save(self, folder: Path) -> None:
        """Leave the files that `load` reads."""
        self.phrases.save(folder / PHRASES_FILE)
        settings = {
            "kind": KIND,
            "name": self.name,
            "labels": list(self.labels),
            "probabilities": self.probabilities,
        }
        write_settings(folder, settings)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; one thread is all it takes."""
        settings = read_settings(folder)
        return cls(
            phrases=Gazetteer.load(folder / PHRASES_FILE),
            probabilities=settings["probabilities"],
            labels=settings["labels"],
            name=settings["name"],
        )
