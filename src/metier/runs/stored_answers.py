"""Answers of a candidate to the rows of a split, kept in the run so that nothing is predicted twice."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.storage import partial_file, storage_errors
from metier.tasks.answer_batches import AnswerBatch, Answers, LabelSetAnswers


@dataclass(frozen=True)
class StoredAnswers:
    """What a candidate answered.

    Parameters
    ----------
    predicted : list
        One answer a row, as the metrics of the task take it.
    probabilities : ndarray of shape (n_rows, n_labels), or None
        Columns in the order of the task's labels; None where answers are not a choice among labels.
    records : list of dict
        The answers for people, with what is known beside them; empty where `probabilities` say it all.
    """

    predicted: list[Any]
    probabilities: np.ndarray | None
    records: list[dict[str, Any]]


def keep(answers: AnswerBatch, labels: tuple[str, ...]) -> StoredAnswers:
    """Turn a predictor's answers into what is kept, the columns in the order of a task's labels."""
    if not isinstance(answers, Answers | LabelSetAnswers):
        return StoredAnswers(
            list(answers.predicted), None, [answers.record(row) for row in range(len(answers))]
        )
    probabilities, own = answers.probabilities, tuple(answers.labels)
    if own != labels:
        place = {label: column for column, label in enumerate(own)}
        aligned = np.zeros((len(answers), len(labels)))
        for column, label in enumerate(labels):
            if label in place:
                aligned[:, column] = probabilities[:, place[label]]
        probabilities = aligned
    if isinstance(answers, Answers):
        return StoredAnswers([labels[best] for best in probabilities.argmax(axis=1)], probabilities, [])
    return StoredAnswers(list(answers.predicted), probabilities, [])


def joined(parts: Sequence[StoredAnswers]) -> StoredAnswers:
    """Give the answers to several parts of the rows as one, with records where every part has them."""
    predicted = [answer for part in parts for answer in part.predicted]
    arrays = [part.probabilities for part in parts if part.probabilities is not None]
    records = [record for part in parts for record in part.records]
    return StoredAnswers(
        predicted,
        np.concatenate(arrays) if arrays and len(arrays) == len(parts) else None,
        records if len(records) == len(predicted) else [],
    )


def write(stored: StoredAnswers, path: Path) -> None:
    """Write answers beside and then rename; `path` is without an ending.

    Raises
    ------
    StorageError
        If the disk refuses; nothing half-written stays.
    """
    without: list[Any] = [None] * len(stored.predicted)
    records: list[Any] = stored.records or without
    lines = "".join(json.dumps(pair) + "\n" for pair in zip(stored.predicted, records, strict=True))
    with storage_errors(path, remedy="Free some space."):
        if stored.probabilities is not None:
            with partial_file(path.with_name(path.name + ".npy")) as partial, partial.open("wb") as file:
                np.save(file, stored.probabilities.astype(np.float32), allow_pickle=False)
        with partial_file(path.with_name(path.name + ".jsonl")) as partial:
            partial.write_text(lines, encoding="ascii")


def is_kept(path: Path) -> bool:
    """Whether `write` came to its end: what it writes last is there."""
    return path.with_name(path.name + ".jsonl").exists()


def load(path: Path) -> StoredAnswers:
    """Read what `write` wrote."""
    pairs = [json.loads(line) for line in path.with_name(path.name + ".jsonl").read_text("ascii").splitlines()]
    numbers = path.with_name(path.name + ".npy")
    probabilities = np.load(numbers, allow_pickle=False) if numbers.exists() else None
    records = [record for _, record in pairs if record is not None]
    return StoredAnswers([predicted for predicted, _ in pairs], probabilities, records)
