"""Sentences of a text: `lead.v1`, the first; `textrank.v1`, the most central; `best_sentence.v1`, the most like a question.

Only their number is learned.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from metier.features.sentence_ranks import join_sentences, summarise
from metier.predictors.loading import read_settings, write_settings
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.inputs.conversation import Item, as_items, is_question, last_words
from metier.text.bm25 import Bm25
from metier.text.segmentation import split_sentences


class SentencesPredictor:
    """Sentences that stand in the text. A special case says which (`extract_from`), and of what `kind` its file is.

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
    def extract_from(item: Item, n_sentences: int) -> str:
        """Give so many sentences of an item."""
        raise NotImplementedError

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Answer texts; of a conversation, the last user turn; of a question, from its passage."""
        plain = as_items(items) if len(items) else []
        return written([self.extract_from(item, self.n_sentences) for item in plain], self.name)

    def save(self, folder: Path) -> None:
        """Write the predictor's one file to a folder."""
        settings = {"kind": self.kind, "name": self.name, "labels": [], "n_sentences": self.n_sentences}
        write_settings(folder, settings)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; `threads` changes nothing."""
        settings = read_settings(folder)
        return cls(n_sentences=settings["n_sentences"], name=settings["name"])


def lead(text: str, n_sentences: int) -> str:
    """Give the first sentences of a text."""
    return join_sentences(split_sentences(text)[:n_sentences])


class LeadPredictor(SentencesPredictor):
    """The first sentences."""

    kind = "lead.v1"

    @staticmethod
    def extract_from(item: Item, n_sentences: int) -> str:
        """Give so many sentences of an item."""
        return lead(last_words(item), n_sentences)


class TextRankPredictor(SentencesPredictor):
    """The highest-ranked sentences, in their order."""

    kind = "textrank.v1"

    @staticmethod
    def extract_from(item: Item, n_sentences: int) -> str:
        """Give so many sentences of an item."""
        return summarise(last_words(item), n_sentences)


class BestSentencePredictor(SentencesPredictor):
    """The sentences of a passage that share most with the question (BM25), in their order."""

    kind = "best_sentence.v1"

    @staticmethod
    def extract_from(item: Item, n_sentences: int) -> str:
        """Give so many sentences of a passage; of a text without a question, its first."""
        if not is_question(item):
            return lead(last_words(item), n_sentences)
        sentences = split_sentences(last_words(item))
        if not sentences:
            return ""
        best = Bm25().fit(sentences).best(str(item["question"]), n_sentences)  # type: ignore[index]  # A question.
        return join_sentences([sentences[position] for position in sorted(best)])


def written(texts: Sequence[str], name: str) -> RecordAnswers:
    """Give written texts as answers."""
    return RecordAnswers(list(texts), [{"text": text} for text in texts], (name,) * len(texts))
