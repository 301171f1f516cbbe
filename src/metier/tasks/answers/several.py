"""The answers of several tasks about one text, each in its own form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from metier.tasks.answers.grade import GRADE
from metier.tasks.answers.kind import AnswerKind, Line, RecordFields, Words
from metier.tasks.answers.label import LABEL
from metier.tasks.answers.label_set import LABEL_SET
from metier.tasks.answers.score import SCORE
from metier.tasks.answers.spans import SPANS
from metier.tasks.examples import Examples

_KINDS: Sequence[AnswerKind] = (LABEL, GRADE, LABEL_SET, SCORE, SPANS)


@dataclass(frozen=True)
class Several(AnswerKind):
    """One answer a task; the record holds each under the name of its task."""

    name: ClassVar[str] = "several"
    losses: ClassVar[tuple[str, ...]] = ()
    words: ClassVar[Words] = Words("text-classification", "Answers several tasks about {item} in one pass.")
    record: ClassVar[RecordFields] = {
        "tasks": (dict[str, Any], "Where several tasks are answered: the answer of each under its name.")
    }

    def check(self, items: Sequence[Any], y: Any, *, known: Examples | None = None) -> Examples:
        """Give items and targets as they are: each task checks its own."""
        return Examples(items, y)

    def shown(self, record: Mapping[str, Any]) -> str:
        """Give the answer of each task on one line."""
        return "; ".join(f"{task}: {kind_of(own).shown(own)}" for task, own in record["tasks"].items())

    def lines(self, row: Mapping[str, Any]) -> list[Line]:
        """Give nothing: each task has a report of its own."""
        return []


def kind_of(record: Mapping[str, Any]) -> AnswerKind:
    """Give the kind of answers that a record is of, by its fields."""
    return next(kind for kind in _KINDS if next(iter(kind.record)) in record)


SEVERAL = Several()
