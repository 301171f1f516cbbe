"""Input: a question and its passage; an incomplete input is reported with its row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from metier.errors import EmptyDataError, MissingSideError
from metier.tasks.inputs.kind import PlainInput
from metier.tasks.inputs.parts import parts_fault, texts_fault

if TYPE_CHECKING:  # What answers needs no rows, which need Arrow.
    from metier.data.rows import Rows

SIDES = ("question", "passage")


class Question(NamedTuple):
    """A question and the passage that may hold its answer."""

    question: str
    passage: str


@dataclass(frozen=True)
class PassageQuestion(PlainInput):
    """A question about a passage; an item is a `Question`."""

    name: ClassVar[str] = "question"
    keys: ClassVar[tuple[str, ...]] = SIDES
    noun: ClassVar[str] = "a question about a passage"
    roles: ClassVar[tuple[str, ...]] = ("question",)

    @property
    def example(self) -> dict[str, str]:
        """A question, answered once before the first caller's."""
        return {"question": "Who bought Bolt?", "passage": "Acme bought Bolt."}

    def read(self, X: Any, *, origin: str = "these questions") -> list[Question]:
        """Give the questions of whatever `fit` or `predict` was handed; see `as_questions`."""
        return as_questions(X, origin=origin)

    def texts(self, items: Sequence[Question]) -> list[str]:
        """Give every question and its passage, one after the other."""
        return [text for question in items for text in question]

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question, in a sentence; None: nothing is."""
        return parts_fault(item, SIDES) or texts_fault(item, SIDES)

    def from_rows(self, rows: "Rows") -> list[dict[str, str]]:
        """Give the question and the passage of each row; raises `MissingSideError` where one is blank."""
        sides = zip(rows.values("question"), rows.values("text"), strict=True)
        return [question._asdict() for question in as_questions(list(sides), origin=rows.origin)]


QUESTION = PassageQuestion()


def as_questions(X: Any, *, origin: str = "these questions") -> list[Question]:
    """Give the questions of whatever a method or a predictor was handed.

    Parameters
    ----------
    X : sequence of mappings with the keys `question` and `passage`, or of a question and a passage each
    origin : str
        Where they came from, for messages.

    Raises
    ------
    EmptyDataError
        If there is nothing in it.
    MissingSideError
        If a question or a passage is missing or blank.
    TypeError
        If it does not hold questions.
    """
    if isinstance(X, str | Mapping):
        raise TypeError(
            f"Expected a list of questions, found one {type(X).__name__}. Put it in a list: [item]."
        )
    questions = [_as_question(value, position, origin) for position, value in enumerate(X)]
    if not questions:
        raise EmptyDataError(
            "Expected at least one question, found none. Give mappings with 'question' and 'passage'."
        )
    return questions


def _as_question(value: Any, position: int, origin: str) -> Question:
    if isinstance(value, Mapping):
        sides: list[Any] = [value.get(side) for side in SIDES]
    elif isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
        sides = list(value)
    else:
        raise TypeError(
            f"Expected a question at position {position}, found {type(value).__name__}. "
            "Give mappings with the keys 'question' and 'passage'."
        )
    for side, text in zip(SIDES, sides, strict=True):
        if text is None or (isinstance(text, str) and not text.strip()):
            raise MissingSideError(position + 1, side, origin=origin)
        if not isinstance(text, str):
            raise TypeError(f"Expected a text as {side!r} of row {position + 1}, found {type(text).__name__}.")
    return Question(*sides)
