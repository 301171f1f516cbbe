"""Rows that no label fits: taken out of what is learned, kept for choosing the rule of what is out of scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.data import Rows
from metier.errors import CallError, DataError, suggest
from metier.figures import count_of
from metier.selection.settings import TrainSettings
from metier.tasks.task import Task

Parts = tuple[Rows, Rows | None, Rows | None]  # Training, test and validation rows, as `read_all` gives them.


@dataclass(frozen=True)
class Outside:
    """Rows out of scope.

    Parameters
    ----------
    choosing : sequence of Rows
        Of the training and validation rows: the rule may be chosen by them.
    test : sequence of Rows
        They are looked at once, at the end.
    """

    choosing: Sequence[Rows] = ()
    test: Sequence[Rows] = ()

    @property
    def n_choosing(self) -> int:
        """How many rows the rule may be chosen by."""
        return sum(map(len, self.choosing))


def asks_for_scope(settings: TrainSettings) -> bool:
    """Whether the bundles are to say what is out of scope."""
    return settings.out_of_scope or settings.data.out_of_scope_label is not None


def check_scope(settings: TrainSettings, task: Task) -> None:
    """Raise `CallError` where what is out of scope cannot be said of the answers of a task."""
    if asks_for_scope(settings) and task.answer.name != "label":
        raise CallError(
            f"--out-of-scope needs answers of one label, and those of {task.name} are others. Leave --out-of-scope and "
            "--out-of-scope-label out."
        )


def set_aside(rows: Parts, settings: TrainSettings) -> tuple[Parts, Outside, list[str]]:
    """Take the rows of the label that stands for out of scope out of all parts; gives what was done, a sentence each.

    Without a test file the same share of them is kept for the end as of the other rows.

    Raises
    ------
    CallError
        If no row has that label.
    DataError
        If no row has another.
    """
    label = settings.data.out_of_scope_label
    if label is None:
        return rows, Outside(), []
    parted = [None if part is None else _parted(part, label) for part in rows]
    found = [outside for part in parted if part is not None for outside in [part[1]]]
    if not sum(map(len, found)):
        known = sorted({value for value in rows[0].labels if value is not None})
        raise CallError(
            f"--out-of-scope-label {label}: no row has this label.{suggest(label, known)} Name the label of the rows that "
            "no other label fits, or leave it out: then the rule is chosen without such rows."
        )
    train, test, validation = parted
    assert train is not None
    if not len(train[0]):
        raise DataError(
            f"Every training row of {rows[0].origin} has the label {label!r}. Give rows of other labels too."
        )
    own, kept = (train[1], None) if test is not None else _held_out(train[1], settings)
    choosing = [part for part in (own, validation and validation[1]) if part is not None and len(part)]
    at_the_end = [part for part in (test[1] if test else kept,) if part is not None and len(part)]
    outside = Outside(choosing, at_the_end)
    said = (
        f"{count_of(outside.n_choosing, 'row')} labelled {label!r} are not learned: the rule of what is out of scope is "
        "chosen by them"
    )
    left = (train[0], test and test[0], validation and validation[0])
    return left, outside, [said] if outside.n_choosing else []


def _parted(rows: Rows, label: str) -> tuple[Rows, Rows]:
    is_outside = np.array([value == label for value in rows.labels], dtype=bool)
    return rows.take(np.flatnonzero(~is_outside)), rows.take(np.flatnonzero(is_outside))


def _held_out(rows: Rows, settings: TrainSettings) -> tuple[Rows, Rows]:
    """Give the rows to choose by, and those that are kept for the end."""
    order = np.random.default_rng(settings.random_state).permutation(len(rows))
    n_test = round(settings.data.test_fraction * len(rows))
    return rows.take(np.sort(order[n_test:])), rows.take(np.sort(order[:n_test]))


def items_of(task: Task, parts: Sequence[Rows]) -> list[Any]:
    """Give what some rows ask."""
    return [item for part in parts for item in task.items(part)]
