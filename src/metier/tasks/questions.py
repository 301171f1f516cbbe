"""Questions about passages as a method takes them, checked once: both there, answers where they are said to be."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from metier.errors import AnswerPlaceError, EmptyDataError, MissingSideError
from metier.tasks.folds import held_out
from metier.text.offsets import nearest

SIDES = ("question", "passage")
SHOWN = 40  # Characters of an answer in a message.


class Question(NamedTuple):
    """A question and the passage that may hold its answer."""

    question: str
    passage: str


@dataclass(frozen=True)
class AnswerFault:
    """An answer that does not stand where it is said to.

    Parameters
    ----------
    row, answer : int
        Positions: of the row, and of the answer among the answers of the row.
    text : str
    start : int
        Where it is said to start.
    found : str
        What stands there instead.
    nearest : int or None
        Where the passage has it, nearest to `start`; None: nowhere.
    """

    row: int
    answer: int
    text: str
    start: int
    found: str
    nearest: int | None

    @property
    def sentence(self) -> str:
        """What is wrong and what would be right, in one sentence."""
        said = f"row {self.row + 1}: the answer {_short(self.text)} is said to start at {self.start}"
        there = "which is outside the passage" if not self.found else f"where it says {_short(self.found)}"
        where = (
            "the passage has it nowhere" if self.nearest is None else f"the nearest starts at {self.nearest}"
        )
        return f"{said}, {there}; {where}"


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


def check_answers(
    questions: Sequence[Question], y: Any, *, origin: str = "these rows"
) -> list[list[dict[str, Any]]]:
    """Give the answers of each question, a list of `{"text", "start"}`; an empty one: it has no answer.

    Raises
    ------
    ValueError
        If there is not one list of answers for each question.
    AnswerPlaceError
        If an answer is not in its passage where it is said to be.
    """
    targets = [[dict(answer) for answer in answers] for answers in y]
    if len(targets) != len(questions):
        raise ValueError(
            f"Expected a list of answers for each question, found {len(questions)} questions and "
            f"{len(targets)} lists. A question without an answer has an empty list."
        )
    faults = answer_faults(questions, targets)
    if faults:
        raise AnswerPlaceError([fault.sentence for fault in faults], origin=origin)
    return targets


def answer_faults(
    questions: Sequence[Question], targets: Sequence[Sequence[Mapping[str, Any]]]
) -> list[AnswerFault]:
    """Find the answers that do not stand in their passage where they are said to; in the order of the rows."""
    faults = []
    for row, (question, answers) in enumerate(zip(questions, targets, strict=True)):
        for number, answer in enumerate(answers):
            text, start = answer["text"], int(answer["start"])
            if text and start >= 0 and question.passage.startswith(text, start):
                continue
            found = question.passage[start : start + max(len(text), 1)] if start >= 0 else ""
            nearest = nearest_occurrence(question.passage, text, start)
            faults.append(AnswerFault(row, number, text, start, found, nearest))
    return faults


def split_by_passage(
    questions: Sequence[Question], *, random: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray] | None:
    """Hold passages out with all their questions; None where there is one passage.

    Returns
    -------
    (kept, held) : pair of ndarray of int
        Positions, in order.
    """
    numbers: dict[str, int] = {}
    passage = np.array([numbers.setdefault(question.passage, len(numbers)) for question in questions])
    if len(numbers) < 2:
        return None
    _, away = next(held_out(np.zeros(len(numbers), dtype=np.int64), random=random))
    is_away = np.isin(passage, away)
    return np.flatnonzero(~is_away), np.flatnonzero(is_away)


def nearest_occurrence(passage: str, text: str, start: int) -> int | None:
    """Give where a passage has a text, nearest to `start`; None where it does not.

    Characters of another width or case count as the same, as long as that changes no length.
    """
    place = nearest(passage, text, start)
    if place is not None:
        return place
    whole, part = _level(passage), _level(text)
    same_lengths = len(whole) == len(passage) and len(part) == len(text)
    return nearest(whole, part, start) if same_lengths else None


def _level(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _short(text: str) -> str:
    return repr(text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…")


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
