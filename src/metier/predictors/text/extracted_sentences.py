"""So many sentences of a text as its summary: what `lead.v1` and `textrank.v1` share. Nothing is learned but how many."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from metier.predictors.answers import RecordAnswers
from metier.predictors.loading import read_settings, write_settings
from metier.tasks.inputs.conversation import as_items, last_words


class SentencesPredictor:
    """Sentences that stand in the text. A special case says which (`extract`), and of what `kind` its file is.

    Parameters
    ----------
    n_sentences : int
        Of a summary.
    name : str, optional
        Versioned name of the method; None: that of its kind.
    """

    kind: ClassVar[str]
    labels: tuple[str, ...] = ()

    def __init__(self, *, n_sentences: int, name: str | None = None):
        self.n_sentences = n_sentences
        self.name = name or self.kind

    @staticmethod
    def extract(text: str, n_sentences: int) -> str:
        """Give so many sentences of a text."""
        raise NotImplementedError

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Answer texts; of a conversation, what the user said last."""
        texts = [last_words(item) for item in as_items(items)] if len(items) else []
        return written([self.extract(text, self.n_sentences) for text in texts], self.name)

    def save(self, folder: Path) -> None:
        """Write the predictor's one file to a folder."""
        settings = {"kind": self.kind, "name": self.name, "labels": [], "n_sentences": self.n_sentences}
        write_settings(folder, settings)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; `threads` changes nothing."""
        settings = read_settings(folder)
        return cls(n_sentences=settings["n_sentences"], name=settings["name"])


def written(texts: Sequence[str], name: str) -> RecordAnswers:
    """Give written texts as answers."""
    return RecordAnswers(list(texts), [{"text": text} for text in texts], (name,) * len(texts))
