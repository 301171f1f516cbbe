"""The reply that was given to the most similar question: `nearest_reply.v1`. It also translates by example.

The folder holds the questions' words (`bm25.json`, `bm25.safetensors`) and the replies (`replies.json`).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from metier.predictors.loading import read_settings, write_settings
from metier.predictors.text.extracted_sentences import written
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.inputs.conversation import Item, as_items, is_question
from metier.text.bm25 import Bm25

KIND = "nearest_reply.v1"
REPLIES_FILE = "replies.json"


class NearestReplyPredictor:
    """Replies of the training rows, found by what was asked.

    Parameters
    ----------
    index : Bm25
        Of what was asked, a text for each reply.
    replies : sequence of str
    usual : str
        For questions that share no word with any.
    turns : int
        How many of the last messages are what is asked.
    name : str
        Versioned name of the method.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, index: Bm25, replies: Sequence[str], *, usual: str, turns: int, name: str = KIND):
        self.index = index
        self.replies = list(replies)
        self.usual = usual
        self.turns = turns
        self.name = name

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Answer texts or conversations."""
        asked = [question(item, self.turns) for item in as_items(items)] if len(items) else []
        return written([self._reply(text) for text in asked], self.name)

    def _reply(self, text: str) -> str:
        scores = self.index.scores(text)
        best = int(scores.argmax())
        return self.replies[best] if scores[best] > 0 else self.usual

    def save(self, folder: Path) -> None:
        """Write the predictor's files to a folder."""
        self.index.save(folder)
        (folder / REPLIES_FILE).write_text(json.dumps(self.replies, ensure_ascii=False), encoding="utf-8")
        settings = {"kind": KIND, "name": self.name, "labels": [], "usual": self.usual, "turns": self.turns}
        write_settings(folder, settings)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; `threads` changes nothing."""
        settings = read_settings(folder)
        replies = json.loads((folder / REPLIES_FILE).read_text(encoding="utf-8"))
        return cls(
            Bm25.load(folder),
            replies,
            usual=settings["usual"],
            turns=settings["turns"],
            name=settings["name"],
        )


def question(item: Item, turns: int) -> str:
    """Give the text of an item, its question about a passage, or its last messages one below the other."""
    if isinstance(item, str):
        return item
    if is_question(item):
        return str(item["question"])
    messages: Sequence[Mapping[str, str]] = item["messages"]
    return "\n".join(message["content"] for message in messages[-turns:])
