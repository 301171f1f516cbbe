"""Answers to a batch of rows: what a decoder makes of logits, and what every predictor gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np

DIGITS = 6  # Of a probability: more than any calibration can guarantee, and short enough to send.


@dataclass(frozen=True)
class Answers:
    """Answers to a batch of texts, one a text.

    Parameters
    ----------
    probabilities : ndarray of shape (n_texts, n_classes)
        Each row sums to 1; columns in the order of `labels`.
    labels : tuple of str
        The label space.
    answered_by : tuple of str
        For each text, the versioned name of the method that had the last word.
    """

    probabilities: np.ndarray
    labels: tuple[str, ...]
    answered_by: tuple[str, ...]

    @property
    def best(self) -> np.ndarray:
        """Index of the most probable label for each text, an ndarray of shape (n_texts,)."""
        return self.probabilities.argmax(axis=1)

    @property
    def predicted(self) -> list[str]:
        """The most probable label for each text."""
        return [self.labels[index] for index in self.best]

    def __len__(self) -> int:
        return len(self.probabilities)

    def rows(self, picked: Sequence[int]) -> Self:
        """Give the answers of some rows, in this order."""
        return replace(
            self, probabilities=self.probabilities[picked], answered_by=_picked(self.answered_by, picked)
        )

    def record(self, row: int, top: int | None = None) -> dict[str, Any]:
        """Give one answer as plain facts: `label`, `probability`, `answered_by`; see `AnswerBatch.record`."""
        record = _record_of_best(self.probabilities[row], self.labels, self.answered_by[row])
        return record if top is None else record | {"probabilities": _most_probable(self, row, top)}


@dataclass(frozen=True)
class LabelSetAnswers:
    """Answers of which each is a set of labels, the empty one included.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_labels)
        Of each label by itself, 0 to 1; columns in the order of `labels`.
    labels : tuple of str
        The label space.
    thresholds : ndarray of shape (n_labels,)
        A label is answered where its probability is at least this.
    answered_by : tuple of str
        For each row, the versioned name of the method that had the last word.
    """

    probabilities: np.ndarray
    labels: tuple[str, ...]
    thresholds: np.ndarray
    answered_by: tuple[str, ...]

    @property
    def predicted(self) -> list[list[str]]:
        """The labels of each row, in the order of `labels`."""
        chosen = self.probabilities >= self.thresholds
        return [[self.labels[column] for column in np.flatnonzero(row)] for row in chosen]

    def __len__(self) -> int:
        return len(self.probabilities)

    def rows(self, picked: Sequence[int]) -> Self:
        """Give the answers of some rows, in this order."""
        return replace(
            self, probabilities=self.probabilities[picked], answered_by=_picked(self.answered_by, picked)
        )

    def record(self, row: int, top: int | None = None) -> dict[str, Any]:
        """Give one answer as plain facts: `labels` with their probabilities; an empty set has `none`."""
        chosen = np.flatnonzero(self.probabilities[row] >= self.thresholds)
        record: dict[str, Any] = {
            "labels": {self.labels[i]: round(float(self.probabilities[row, i]), DIGITS) for i in chosen},
            "none": len(chosen) == 0,
            "answered_by": self.answered_by[row],
        }
        return record if top is None else record | {"probabilities": _most_probable(self, row, top)}


@dataclass(frozen=True)
class RecordAnswers:
    """Answers that are not a choice among labels: spans, words of a passage, a number, a text.

    Parameters
    ----------
    predicted : list
        One a row, as the metrics of the task take it: JSON's own values.
    records : list of dict
        The same for people and programs, with what is known beside it (probabilities, offsets).
    answered_by : tuple of str
        For each row, the versioned name of the method that had the last word.
    ranked : str
        The field of a record that lists what was found, the best first; empty where none does.
    """

    predicted: list[Any]
    records: list[dict[str, Any]]
    answered_by: tuple[str, ...]
    ranked: str = ""

    def __len__(self) -> int:
        return len(self.predicted)

    def rows(self, picked: Sequence[int]) -> Self:
        """Give the answers of some rows, in this order."""
        predicted, records = [self.predicted[row] for row in picked], [self.records[row] for row in picked]
        answered_by = _picked(self.answered_by, picked)
        return replace(self, predicted=predicted, records=records, answered_by=answered_by)

    def record(self, row: int, top: int | None = None) -> dict[str, Any]:
        """Give one answer as plain facts; `top` cuts what is ranked, and changes nothing where nothing is."""
        record = self.records[row]
        if self.ranked and top is not None:
            record = {**record, self.ranked: record[self.ranked][:top]}
        return {**record, "answered_by": self.answered_by[row]}


@dataclass(frozen=True)
class SeveralAnswers:
    """Answers of several tasks about the same rows.

    Parameters
    ----------
    parts : mapping of str to AnswerBatch
        By the task.
    name : str
        Versioned name of the method that answered.
    """

    parts: Mapping[str, "AnswerBatch"]
    name: str

    @classmethod
    def joined(cls, batches: Sequence[Mapping[str, "AnswerBatch"]], *, name: str) -> Self:
        """Put the answers of batches together, which follow one another."""
        parts = {task: one_batch([batch[task] for batch in batches]) for task in batches[0]}
        return cls(parts, name)

    @property
    def answered_by(self) -> tuple[str, ...]:
        """The method, for each row."""
        return (self.name,) * len(self)

    @property
    def predicted(self) -> list[dict[str, Any]]:
        """For each row, the answer of each task."""
        answers = {task: part.predicted for task, part in self.parts.items()}
        return [{task: own[row] for task, own in answers.items()} for row in range(len(self))]

    def __len__(self) -> int:
        return len(next(iter(self.parts.values())))

    def rows(self, picked: Sequence[int]) -> Self:
        """Give the answers of some rows, in this order."""
        return replace(self, parts={task: part.rows(picked) for task, part in self.parts.items()})

    def record(self, row: int, top: int | None = None) -> dict[str, Any]:
        """Give the record of each task under its name, as `tasks`."""
        records = {task: part.record(row, top) for task, part in self.parts.items()}
        own = {
            task: {field: value for field, value in record.items() if field != "answered_by"}
            for task, record in records.items()
        }
        return {"tasks": own, "answered_by": self.name}


class AnswerBatch(Protocol):
    """What the answers of every task can do."""

    @property
    def answered_by(self) -> tuple[str, ...]:
        """For each row, the versioned name of the method that had the last word."""
        ...

    @property
    def predicted(self) -> list[Any]:
        """One answer a row, as the metrics of the task take it."""
        ...

    def __len__(self) -> int: ...

    def rows(self, picked: Sequence[int]) -> Self:
        """Give the answers of some rows, in this order."""
        ...

    def record(self, row: int, top: int | None = None) -> dict[str, Any]:
        """Give one answer as a dict that JSON can hold.

        Parameters
        ----------
        top : int or None
            How many labels to list under `probabilities`, the most probable first; None leaves the list out.
        """
        ...


def one_batch(batches: Sequence[Any]) -> Any:
    """Give the answers of batches of one task, which follow one another, as one batch; at least one."""
    first = batches[0]
    if len(batches) == 1:
        return first
    answered_by = tuple(name for batch in batches for name in batch.answered_by)
    if isinstance(first, RecordAnswers):
        predicted = [answer for batch in batches for answer in batch.predicted]
        records = [record for batch in batches for record in batch.records]
        return replace(first, predicted=predicted, records=records, answered_by=answered_by)
    probabilities = np.concatenate([batch.probabilities for batch in batches])
    return replace(first, probabilities=probabilities, answered_by=answered_by)


def _picked(names: tuple[str, ...], rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(names[row] for row in rows)


def _record_of_best(probabilities: np.ndarray, labels: tuple[str, ...], answered_by: str) -> dict[str, Any]:
    best = int(probabilities.argmax())
    probability = round(float(probabilities[best]), DIGITS)
    return {"label": labels[best], "probability": probability, "answered_by": answered_by}


def _most_probable(answers: Answers | LabelSetAnswers, row: int, top: int) -> dict[str, float]:
    probabilities = answers.probabilities[row]
    order = (-probabilities).argsort(kind="stable")[:top]
    return {answers.labels[i]: round(float(probabilities[i]), DIGITS) for i in order}
