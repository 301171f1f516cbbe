"""What a bundle answered of a message, and by which values of it the message is counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_VALUES = 20  # Of one answer: a list of a hundred names is no news about each.


@dataclass(frozen=True)
class Answered:
    """The answer of a bundle about one message.

    Parameters
    ----------
    values : tuple of str
        What the message is counted by: its label, its labels, or the entities found in it; of none it is not counted.
    label : str or None
        Of a task with one label.
    confidence : float or None
        0 to 1.
    out_of_scope : bool or None
        None: the bundle has no rule for it.
    answer : mapping or None
        What is more than a label, as JSON has it; its texts are pieces of the masked text.
    """

    values: tuple[str, ...]
    label: str | None = None
    confidence: float | None = None
    out_of_scope: bool | None = None
    answer: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Unanswered:
    """Why a bundle could not answer a message.

    Parameters
    ----------
    reason : str
        In a sentence.
    """

    reason: str


# By the name of the bundle in the settings.
AnswersOfOne = Mapping[str, Answered | Unanswered]


def values_of(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Give by what an answer is counted, from its record as a predictor gives it.

    A label, the labels of a set, the grade, or the texts of spans with their type, `company: acme`; each once.
    """
    if "spans" in record:
        return _once([f"{one['label']}: {_written(one['text'])}" for one in record["spans"]])
    if "labels" in record:
        return _once(list(record["labels"]))
    label = record.get("label", record.get("relation"))
    return () if label is None else (str(label),)


def _written(text: str) -> str:
    return " ".join(text.split()).casefold()


def _once(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))[:MOST_VALUES]
