"""The first sentences of a text as its summary: `lead.v1`. Nothing is learned but how many."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from metier.predictors.answers import RecordAnswers
from metier.predictors.loading import read_settings, write_settings
from metier.predictors.textrank import join_sentences, written
from metier.tasks.generation import as_items, last_words
from metier.text.sentences import split_sentences

KIND = "lead.v1"


class LeadPredictor:
    """The first sentences.

    Parameters
    ----------
    n_sentences : int
        Of a summary.
    name : str
        Versioned name of the method.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, *, n_sentences: int, name: str = KIND):
        self.n_sentences = n_sentences
        self.name = name

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Answer texts; of a conversation, what the user said last."""
        texts = [last_words(item) for item in as_items(items)] if len(items) else []
        return written([lead(text, self.n_sentences) for text in texts], self.name)

    def save(self, folder: Path) -> None:
        """Write the predictor's one file to a folder."""
        write_settings(folder, {"kind": KIND, "name": self.name, "labels": [], "n_sentences": self.n_sentences})

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; `threads` changes nothing."""
        settings = read_settings(folder)
        return cls(n_sentences=settings["n_sentences"], name=settings["name"])


def lead(text: str, n_sentences: int) -> str:
    """Give the first sentences of a text."""
    return join_sentences(split_sentences(text)[:n_sentences])
