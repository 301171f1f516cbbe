"""Input: a question and its passage; an incomplete input is reported with its row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from metier.tasks.inputs.kind import InputKind, parts_fault, texts_fault, two_texts
from metier.text.offset_map import OffsetMap

if TYPE_CHECKING:  # What answers needs no rows, which need Arrow.
    from metier.data.rows import Rows

SIDES = ("question", "passage")


class Question(NamedTuple):
    """A question and the passage that may hold its answer."""

    question: str
    passage: str


@dataclass(frozen=True)
class PassageQuestion(InputKind):
    """A question about a passage; an item is a `Question`."""

    name: ClassVar[str] = "question"
    keys: ClassVar[tuple[str, ...]] = SIDES
    noun: ClassVar[str] = "a question about a passage"
    roles: ClassVar[tuple[str, ...]] = ("question",)
    parts: ClassVar[tuple[str, ...]] = ("question", "text")

    @property
    def example(self) -> dict[str, str]:
        """A question, answered once before the first caller's."""
        return {"question": "Who bought Bolt?", "passage": "Acme bought Bolt."}

    @property
    def chinese_example(self) -> dict[str, str]:
        """A question in Chinese, answered once where a model reads it."""
        return {"question": "谁收购了乙公司？", "passage": "甲公司收购了乙公司。"}

    def read(self, X: Any, *, origin: str = "these questions") -> list[Question]:
        """Give the questions of whatever `fit` or `predict` was handed; see `as_questions`."""
        return as_questions(X, origin=origin)

    def texts(self, items: Sequence[Question]) -> list[str]:
        """Give every question and its passage, one after the other."""
        return [text for question in items for text in question]

    def prompt_parts(self, item: Question) -> list[tuple[str, str]]:
        """Give the passage, and after it the question."""
        return [("passage", item.passage), ("question", item.question)]

    def with_texts(
        self, item: Question, change: Callable[[str], tuple[str, OffsetMap]]
    ) -> tuple[Question, OffsetMap]:
        """Give a question with both texts changed, and where the characters of its passage stand."""
        passage, offsets = change(item.passage)
        return Question(change(item.question)[0], passage), offsets

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question, in a sentence; None: nothing is."""
        return parts_fault(item, SIDES) or texts_fault(item, SIDES)

    def from_rows(self, rows: "Rows") -> list[dict[str, str]]:
        """Give the question and the passage of each row; raises `MissingSideError` where one is blank."""
        sides = zip(rows.values("question"), rows.values("text"), strict=True)
        return [question._asdict() for question in as_questions(list(sides), origin=rows.origin)]


QUESTION = PassageQuestion()


def as_questions(X: Any, *, origin: str = "these questions") -> list[Question]:
    """Give the questions of whatever a method or a predictor was handed; see `kind.two_texts`."""
    return [Question(*texts) for texts in two_texts(X, SIDES, noun="question", origin=origin)]
