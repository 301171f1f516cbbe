"""A span of a passage, or no answer where the passage has none."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from metier.errors import AnswerPlaceError
from metier.evaluation.answer_measures import exact_match
from metier.tasks.answers.answer_threshold import AnswerThreshold, Reading, fit_answer_threshold
from metier.tasks.answers.asked_texts import PASSAGE_ASKING
from metier.tasks.answers.asking import Asking
from metier.tasks.answers.kind import AnswerKind, Line, RecordFields, Words
from metier.tasks.answers.label import ON_WEIGHTS_AND_WORDS
from metier.tasks.examples import Examples
from metier.tasks.folds import Seed, as_random, held_out
from metier.tasks.inputs.question import Question
from metier.text.offsets import nearest

SHOWN = 40  # Characters of an answer in a message.
AROUND_ANSWER = 300  # Characters of a passage that a report shows to either side.
NO_ANSWER = "no answer in the passage"


@dataclass(frozen=True)
class PassageAnswer(AnswerKind):
    """A piece of each question's passage; the truth is a list of {"text", "start"} a row, empty: no answer."""

    name: ClassVar[str] = "passage_answer"
    marks_text: ClassVar[bool] = True
    asking: ClassVar[Asking | None] = PASSAGE_ASKING
    losses: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    terms: ClassVar[tuple[str, ...]] = ON_WEIGHTS_AND_WORDS
    ensembles: ClassVar[tuple[str, ...]] = ("retrieve_read.v1",)
    chooses: ClassVar[tuple[str, ...]] = ("verdict",)
    role: ClassVar[str | None] = "answers"
    lines_show_question: ClassVar[bool] = True
    why_not: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "few_shot": "An answer is a place in a passage of its own: no labels are shared between the rows whose names "
            "could be learned.",
            "zero_shot": "An answer is a place in a passage of its own: there are no labels that could be described.",
            "consistency": "Two answers are distributions over the tokens of two passages, and the tokens of a changed "
            "passage do not correspond to the old ones.",
            "weak_labels": "Which words answer depends on the question, so no pattern of words answers all of them.",
            "distillation": "Its ensemble joins a search and a reader; it has no distribution over one passage that "
            "another reader could be taught.",
        }
    )
    words: ClassVar[Words] = Words("question-answering", "Finds the words of a passage that answer a question.")
    record: ClassVar[RecordFields] = {
        "answer": (str, "Where a passage answers; empty: it does not."),
        "start": (int, "Where the answer starts in its text, in characters."),
        "end": (int, "Where it ends."),
        "probability": (float, "Calibrated probability of the answer, 0 to 1."),
    }

    def check(self, items: Sequence[Question], y: Any, *, known: Examples | None = None) -> Examples:
        """Give the answers of questions.

        Raises
        ------
        ValueError
            If there is not one list of answers for each question.
        AnswerPlaceError
            If an answer is not in its passage where its row puts it.
        """
        return Examples(items, check_answers(items, y))

    def folds(self, examples: Examples, *, random_state: Seed) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give positions (kept, held out) once, passages with all their questions in one of them."""
        split = split_by_passage(examples.items, random=as_random(random_state))
        yield from () if split is None else (split,)

    def n_logits(self, examples: Examples) -> int:
        """Give two: for the first and for the last token."""
        return 2

    def training_targets(self, examples: Examples) -> list[list[dict[str, Any]]]:
        """Give the answers; where tokens stand turns them into a first and a last one."""
        return list(examples.truth)

    def decoder(
        self, examples: Examples, *, verdict: Mapping[str, Any] | None = None, **given: Any
    ) -> AnswerThreshold:
        """Give the decoder of a threshold; None: every question gets an answer."""
        return AnswerThreshold() if verdict is None else AnswerThreshold.of(verdict)

    def fit_decoder(
        self,
        logits: Sequence[tuple[Question, Reading]],
        examples: Examples,
        *,
        verdict: Mapping[str, Any] | None = None,
        **given: Any,
    ) -> AnswerThreshold:
        """Choose the threshold on held-out passages and calibrate probabilities, unless both are given."""
        if verdict is not None:
            return self.decoder(examples, verdict=verdict)
        readings = [reading for _, reading in logits]
        return fit_answer_threshold(readings, examples.items, examples.truth)

    def read_decoder(self, settings: Mapping[str, Any]) -> AnswerThreshold:
        """Read a decoder from `predictor.json`."""
        return AnswerThreshold.of(settings)

    def score(self, logits: Sequence[tuple[Question, Reading]], examples: Examples) -> dict[str, float]:
        """Compare by the share of exact answers, each question getting one."""
        correct = self.is_correct(AnswerThreshold().answer(logits, self.name), examples)
        exact = float(correct.mean())
        return {
            "exact_match": exact,
            "score": exact,
            "score_error": float(correct.std() / np.sqrt(len(correct))),
        }

    def is_right(self, target: Any, predicted: Any) -> bool:
        """Whether a question is answered exactly."""
        return exact_match(target, predicted) == 1

    def certainty(self, answers: Any) -> np.ndarray:
        """Give the probability that each answer is right, no answer included."""
        return np.array([record["probability"] for record in answers.records])

    def sort_of(self, target: Any) -> bool:
        """Say whether the passage answers."""
        return bool(target)

    def as_targets(self, answers: Any) -> list[list[dict[str, Any]]]:
        """Give where each answer stands; an empty list where there is none."""
        return [
            [{"text": one["answer"], "start": one["start"]}] if one["answer"] else [] for one in answers.records
        ]

    def shown(self, record: Mapping[str, Any]) -> str:
        """Give the words of the answer."""
        return record["answer"] or NO_ANSWER

    def lines(self, row: Mapping[str, Any]) -> list[Line]:
        """Give the question, what of the passage is around the answers, the true answer and the given one."""
        item, target, predicted, record = row["item"], row["target"], row["predicted"], row["record"] or {}
        spans = [[one["start"], one["start"] + len(one["text"]), "truth"] for one in target[:1]]
        start = record.get("start")
        if predicted and start is not None:
            spans.append([start, record.get("end", start + len(predicted)), "answered"])
        edges = [edge for span in spans for edge in span[:2]] or [0]
        low, high = max(min(edges) - AROUND_ANSWER, 0), max(edges) + AROUND_ANSWER
        marks = [[max(first - low, 0), last - low, label] for first, last, label in _apart(spans)]
        return [
            Line("asked", item["question"]),
            Line("passage", item["passage"][low:high], marks),
            Line("truth", ", ".join(one["text"] for one in target) or NO_ANSWER),
            Line("answered", predicted or NO_ANSWER),
        ]


PASSAGE_ANSWER = PassageAnswer()


def _apart(spans: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Leave out the spans that lie over an earlier one."""
    kept: list[Sequence[Any]] = []
    for span in sorted(spans, key=lambda one: one[0]):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


@dataclass(frozen=True)
class AnswerFault:
    """An answer that does not stand where its row puts it.

    Parameters
    ----------
    row, answer : int
        Positions: of the row, and of the answer among the answers of the row.
    text : str
    start : int
        Where its row puts its start.
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
        stated = f"row {self.row + 1}: the answer {_short(self.text)} has the start {self.start}"
        there = "outside the passage" if not self.found else f"where the passage has {_short(self.found)}"
        where = "it is nowhere in it" if self.nearest is None else f"the nearest starts at {self.nearest}"
        return f"{stated}, {there}; {where}"


def check_answers(
    questions: Sequence[Question], y: Any, *, origin: str = "these rows"
) -> list[list[dict[str, Any]]]:
    """Give the answers of each question, a list of `{"text", "start"}`; an empty one: it has no answer.

    Raises
    ------
    ValueError
        If there is not one list of answers for each question.
    AnswerPlaceError
        If an answer is not in its passage where its row puts it.
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
    """Find the answers that do not stand in their passage where their row says; in the order of the rows."""
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
    _, held = next(held_out(np.zeros(len(numbers), dtype=np.int64), random=random))
    is_held = np.isin(passage, held)
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


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
