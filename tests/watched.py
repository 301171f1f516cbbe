"""Messages from a list, and a watch over them, for tests of the watch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from metier.errors import SourceError
from metier.monitoring.answering import Answerer
from metier.monitoring.answers import Answered, AnswersOfOne, Unanswered
from metier.monitoring.intake import Intake
from metier.monitoring.judge import Judge
from metier.monitoring.messages import Batch, Message, Position
from metier.monitoring.store.watch_store import WatchStore
from metier.monitoring.watch_settings import WatchSettings, check_watch_settings
from metier.monitoring.watching import Watch

START = datetime(2026, 3, 2, tzinfo=UTC)


def message(
    number: int, *, at: datetime | None = None, text: str = "", source: str = "list", **more: Any
) -> Message:
    """Give a message; one an hour, none nearly the same as another."""
    when = START + timedelta(hours=number) if at is None else at
    words = text or " ".join(f"{number * 7919 + place * 104729:x}" for place in range(8))
    return Message(str(number), words, when, source, **more)


@dataclass
class ListSource:
    """A source over a list; its position is how many were read."""

    messages: Sequence[Message]
    name: str = "list"
    batch: int = 10
    fails: int = 0  # So many times before it can be read.
    acknowledged: list[Position] = field(default_factory=list)

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give what comes after."""
        if self.fails:
            self.fails -= 1
            raise SourceError(f"{self.name} cannot be reached. It is tried again.")
        for at in range(position or 0, len(self.messages), self.batch):
            some = self.messages[at : at + self.batch]
            yield Batch(some, at + len(some))

    def acknowledge(self, position: Position) -> None:
        """Note it."""
        self.acknowledged.append(position)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class WordAnswerer:
    """Answers by whether a word is in a text; takes the place of bundles."""

    word: str = "late"
    versions: dict[str, str] = field(default_factory=lambda: {"topic": "one"})
    asked: list[str] = field(default_factory=list)

    def answer(self, texts: Sequence[str], *, names: Sequence[str] | None = None) -> list[AnswersOfOne]:
        """Answer each text."""
        self.asked += texts
        return [{name: self._answer(text) for name in names or self.versions} for text in texts]

    def _answer(self, text: str) -> Answered | Unanswered:
        if "cannot" in text:
            return Unanswered("It cannot be answered.")
        label = "delay" if self.word in text else "other"
        return Answered((label,), label, 0.9)


def settings(folder: Path, **given: Any) -> WatchSettings:
    """Give settings with a source that is not read."""
    sources = [{"kind": "file", "path": "none.jsonl"}]
    return check_watch_settings({"sources": sources, **given}, folder=folder)


def watch(
    store: WatchStore,
    sources: Sequence[ListSource],
    own: WatchSettings,
    *,
    answerer: Answerer | WordAnswerer | None = None,
    judges: dict[str, Judge] | None = None,
    **more: Any,
) -> Watch:
    """Give a watch over sources."""
    return Watch(own, store, sources, Intake(store, own, answerer or Answerer({})), judges=judges or {}, **more)
