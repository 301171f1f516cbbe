"""What stands in a queue: rows with the reasons why they are there, labels of people, and what was decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

State = Literal["waiting", "labelled", "disagreed", "decided", "skipped"]
STATES: tuple[State, ...] = get_args(State)
# What people answer with: one label, any number of them, or spans.
Kind = Literal["label", "labels", "spans"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# An answer as JSON has it: {"label": "a"}, {"labels": ["a", "b"]} or {"spans": [[start, end, "a"], ...]}.
Answer = Mapping[str, Any]


@dataclass(frozen=True)
class NewItem:
    """A row that shall be labelled.

    Parameters
    ----------
    source : str
        Where it comes from, such as the name of a file or of a watch's source.
    id : str
        Unique in its source: the same id is the same row, however often it is added.
    text : str
        As it came; the queue keeps it masked, unless it was told otherwise.
    reasons : tuple of (str, str)
        The name of what chose it, and why, in a sentence.
    suggestion : mapping, optional
        The model's answer; a label with `probability`, or spans.
    version : str, optional
        Of the model.
    is_audit : bool
        Drawn by chance from all rows of its source, never for what the model makes of it.
    urgent : int
        Asked before all that is less urgent; 0 for rows to learn from.
    subject : str, optional
        Whom it is about, as the request or the row named the person.
    subject_digest : str, optional
        The same where the source keeps a digest alone.
    truth : mapping, optional
        A trusted answer, to check labellers by.
    facts : mapping
        What the source knows besides, as JSON has it.
    """

    source: str
    id: str
    text: str
    reasons: tuple[tuple[str, str], ...] = ()
    suggestion: Answer | None = None
    version: str | None = None
    is_audit: bool = False
    urgent: int = 0
    subject: str | None = None
    subject_digest: str | None = None
    truth: Answer | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """A row of a queue.

    Parameters
    ----------
    number : int
    source, id, text, reasons, suggestion, version, is_audit, urgent, truth, facts
        As in `NewItem`; the text as the queue keeps it.
    needed : int
        How many labellers shall see it.
    state : str
        `waiting`; `labelled` by one of two labellers; `disagreed`; `decided`; `skipped`.
    answer : mapping or None
        What was decided.
    decided : float or None
        When, in seconds since 1970.
    decided_by : str or None
        The labellers, or who settled a disagreement.
    """

    number: int
    source: str
    id: str
    text: str
    reasons: tuple[tuple[str, str], ...]
    suggestion: Answer | None
    version: str | None
    is_audit: bool
    urgent: int
    truth: Answer | None
    facts: Mapping[str, Any]
    needed: int
    state: State
    answer: Answer | None
    decided: float | None
    decided_by: str | None


@dataclass(frozen=True)
class Label:
    """What one labeller said of a row.

    Parameters
    ----------
    item : int
        Number of the row.
    labeller : str
    answer : mapping or None
        None: skipped.
    seconds : float or None
        Time taken.
    comment : str or None
    at : float
        Seconds since 1970.
    """

    item: int
    labeller: str
    answer: Answer | None
    seconds: float | None
    comment: str | None
    at: float


@dataclass(frozen=True)
class Round:
    """What the model that chose the rows of a round answered to rows drawn by chance.

    Parameters
    ----------
    round : int
    at : float
    version : str or None
    n_decided : int
        Rows with a decided label by then.
    answers : mapping of str to str
        From the digest of a text to the model's label.
    """

    round: int
    at: float
    version: str | None
    n_decided: int
    answers: Mapping[str, str]


def same_answer(one: Answer, other: Answer) -> bool:
    """Whether two answers say the same, whatever the order of their labels or spans."""
    return canonical(one) == canonical(other)


def canonical(answer: Answer) -> tuple[Any, ...]:
    """Give an answer in the form that equal ones share."""
    if "spans" in answer:
        return ("spans", *sorted((int(start), int(end), str(label)) for start, end, label in answer["spans"]))
    if "labels" in answer:
        return ("labels", *sorted(map(str, answer["labels"])))
    return ("label", answer.get("label"))


def labels_of(answer: Answer) -> list[str]:
    """Give the labels that an answer names, those of its spans as often as they stand there."""
    if "spans" in answer:
        return [str(label) for _, _, label in answer["spans"]]
    return [str(one) for one in answer.get("labels", [answer.get("label")])]


@dataclass(frozen=True)
class Settled:
    """What labels make of a row.

    Parameters
    ----------
    state : str
    answer : mapping or None
        What is decided.
    by : str or None
        The labellers whose answer it is.
    """

    state: State
    answer: Answer | None = None
    by: str | None = None


def settle(said: Sequence[tuple[str, Answer | None]], *, needed: int) -> Settled:
    """Give the state of a row by what its labellers said of it.

    Parameters
    ----------
    said : sequence of (str, mapping or None)
        Labellers with their answers, None where one skipped the row; each labeller once.
    needed : int
        How many labellers shall see it.
    """
    answers = [(name, answer) for name, answer in said if answer is not None]
    if any(not same_answer(answers[0][1], other) for _, other in answers[1:]):
        return Settled("disagreed")
    if len(said) < needed or not said:
        return Settled("labelled" if answers else "waiting")
    if not answers:
        return Settled("skipped")
    return Settled("decided", answers[0][1], ", ".join(name for name, _ in answers))
