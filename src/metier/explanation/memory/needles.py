"""Long texts made of the user's rows: what one answer needs, a needle, among the texts of other rows.

The needle and what stands around it are the same at every depth, so differences between depths are those of the place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from metier.audit.labels import labels_of_rows
from metier.data.rows import Rows
from metier.errors import CallError, EmptyDataError
from metier.evaluation.answer_measures import answer_f1
from metier.tasks.answers import LABEL, PASSAGE_ANSWER, SPANS, AnswerKind
from metier.tasks.inputs import QUESTION, TEXT

JOINT = "\n"
FEWEST_ROWS = 10  # Fewer give no filler.


@dataclass(frozen=True)
class Needle:
    """What one answer needs, and how it is asked about.

    Parameters
    ----------
    row : int
    text : str
    fillers : tuple of int
        The rows that may stand around it.
    ask : callable
        From a long text, and where the needle begins in it (None: it is left out), to a question.
    score : callable
        From what was answered to that question, as the metrics of the task take it, and where the needle began, to how
        right it is, 0 to 1.
    """

    row: int
    text: str
    fillers: tuple[int, ...]
    ask: Callable[[str], Any]
    score: Callable[[Any, int], float]


class Needles(Protocol):
    """Makes the needles of rows."""

    def __call__(self, rows: Rows, /) -> list[Needle]:
        """Give a needle for each row that can be one."""
        ...


@dataclass(frozen=True)
class Stretched:
    """A long text.

    Parameters
    ----------
    text : str
    place : int
        Where the needle begins.
    """

    text: str
    place: int


def stretched(needle: Needle, fillers: Sequence[str], depth: float) -> Stretched:
    """Put a needle among other texts, at a depth from 0 (first) to 1 (last)."""
    before = fillers[: round(depth * len(fillers))]
    lead = "".join(one + JOINT for one in before)
    rest = "".join(JOINT + one for one in fillers[len(before) :])
    return Stretched(lead + needle.text + rest, len(lead))


def fillers_of(
    needle: Needle, texts: Sequence[str], n_tokens: Sequence[int], room: int, random: np.random.Generator
) -> list[str]:
    """Draw whole texts of other rows until they have as many tokens as there is room for."""
    found: list[str] = []
    for row in random.permutation(np.array(needle.fillers)):
        if room <= 0:
            break
        if n_tokens[row] <= room + 8:
            found.append(texts[row])
            room -= n_tokens[row]
    return found


def needles_of(answer: AnswerKind, keys: tuple[str, ...], rows: Rows) -> list[Needle]:
    """Give the needles of rows of a task.

    Raises
    ------
    CallError
        If the task has no answers whose needed words are known: labels or spans of a text, answers in a passage.
    EmptyDataError
        If fewer than ten rows can be used.
    """
    making: Mapping[tuple[str, tuple[str, ...]], Needles] = {
        (LABEL.name, TEXT.keys): _labelled,
        (SPANS.name, TEXT.keys): _spanned,
        (PASSAGE_ANSWER.name, QUESTION.keys): _answered,
    }
    make = making.get((answer.name, keys))
    if make is None:
        raise CallError(
            "Context memory is examined of answers whose needed words are known: labels of texts, spans, answers in a "
            "passage, and texts that are written. This model gives others. Explain one question at a time."
        )
    found = make(rows)
    if len(found) < FEWEST_ROWS:
        raise EmptyDataError(
            f"Context memory needs {FEWEST_ROWS} rows or more with a true answer, found {len(found)}. Give more rows."
        )
    return found


def _labelled(rows: Rows) -> list[Needle]:
    labels = labels_of_rows(rows) or [[]] * len(rows.texts)
    found = []
    for row, (text, own) in enumerate(zip(rows.texts, labels, strict=True)):
        if len(own) == 1 and text.strip():
            others = tuple(other for other, those in enumerate(labels) if those and those != own)
            found.append(Needle(row, text, others, str, _is(own[0])))
    return found


def _is(label: str) -> Callable[[Any, int], float]:
    return lambda answer, place: float(answer == label)


def _spanned(rows: Rows) -> list[Needle]:
    found = []
    for row, (text, spans) in enumerate(zip(rows.texts, rows.column("spans"), strict=True)):
        true = [_span(one) for one in spans or ()]
        if true:
            others = tuple(other for other in range(len(rows.texts)) if other != row)
            found.append(Needle(row, text, others, str, _recall(true)))
    return found


def _span(one: Any) -> tuple[int, int, str]:
    return (int(one["start"]), int(one["end"]), str(one["label"])) if isinstance(one, Mapping) else tuple(one)  # type: ignore[return-value]


def _recall(true: Sequence[tuple[int, int, str]]) -> Callable[[Any, int], float]:
    def recall(answer: Any, place: int) -> float:
        given = {_span(one) for one in answer}
        return sum((start + place, end + place, label) in given for start, end, label in true) / len(true)

    return recall


def _answered(rows: Rows) -> list[Needle]:
    found = []
    questions = QUESTION.from_rows(rows)
    passages = [one["passage"] for one in questions]
    for row, (one, answers) in enumerate(zip(questions, rows.column("answers"), strict=True)):
        if not answers:
            continue
        # Passages of other questions, each once, in which none of the answers stands.
        own = [str(answer["text"]) for answer in answers]
        first = dict.fromkeys(passages)
        places = {passage: place for place, passage in reversed(list(enumerate(passages)))}
        others = tuple(
            places[passage] for passage in first if passage != passages[row] and not _holds(passage, own)
        )
        found.append(Needle(row, passages[row], others, _asking(one["question"]), _f1(answers)))
    return found


def _holds(passage: str, answers: Sequence[str]) -> bool:
    return any(answer in passage for answer in answers)


def _asking(question: str) -> Callable[[str], Any]:
    return lambda passage: {"question": question, "passage": passage}


def _f1(answers: Sequence[Any]) -> Callable[[Any, int], float]:
    return lambda answer, place: answer_f1(answers, answer or "")
