"""Rows that lack part of their input or their target (a side of a pair, spans, a target text), or do not fit a task."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from metier.audit.finding import Finding, examples_of, positions_of
from metier.audit.labels import check_missing
from metier.data.columns.role_inference import LABELLED_PAIRS
from metier.data.filtering import drop_unlabelled
from metier.data.rows import Rows
from metier.errors import DataError, TooFewLabelsError
from metier.figures import count_of
from metier.tasks.task_table import infer_task, load_task
from metier.text import normalise

_NOUNS = {
    "labels": "labels",
    "spans": "spans",
    "relations": "relations",
    "answers": "answers",
    "score": "score",
    "target": "target text",
}
COPIED_FRACTION = 0.01  # A few texts are their own best summary; with more the model learns to copy.


def check_targets(rows: Rows) -> Iterator[Finding]:
    """Check that rows have both sides of a pair, and their target where that is not a single label."""
    yield from _missing_sides(rows)
    for role in rows.roles.targets:
        if role != "label":
            yield from check_missing(rows, rows.column(role), _NOUNS[role])
    if rows.roles.answers is not None:
        yield from _no_answers(rows)
    if rows.roles.target is not None:
        yield from _written(rows)


def _missing_sides(rows: Rows) -> Iterator[Finding]:
    for role, noun in (("text_pair", "other text"), ("question", "question")):
        column = rows.roles.column_of(role)
        if column is None:
            continue
        for name, blank, what in (
            (rows.roles.text, _blank(rows.texts, _images(rows, "image")), "text"),
            (column, _blank(rows.column(role), _images(rows, "image_pair")), noun),
        ):
            if blank:
                have = "has" if len(blank) == 1 else "have"
                yield Finding(
                    "missing-sides",
                    "error",
                    f"{count_of(len(blank), 'row')} of {len(rows):,} {have} no {what} (column {name})",
                    positions_of(blank),
                    rows.origin,
                    examples_of(rows, blank, other=[rows.column(role)[row] for row in blank]),
                    "fill them in, or remove these rows",
                    {"column": name},
                )


def _blank(values: Sequence[str | None], images: Sequence[str | None]) -> list[int]:
    """Give the rows with neither a text nor an image."""
    pairs = enumerate(zip(values, images, strict=True))
    return [row for row, (value, image) in pairs if not image and (value is None or not value.strip())]


def _images(rows: Rows, role: str) -> Sequence[str | None]:
    """Give the images of one side of pairs; None where there is none."""
    return rows.column(role) if role in rows.roles.named else [None] * len(rows)


def _no_answers(rows: Rows) -> Iterator[Finding]:
    if not any(rows.column("answers")):
        yield Finding(
            "no-answers",
            "error",
            "no question has an answer; there is nothing to learn",
            origin=rows.origin,
            remedy="add rows with answers",
        )


def _written(rows: Rows) -> Iterator[Finding]:
    targets = rows.column("target")
    empty = [row for row, target in enumerate(targets) if target is not None and not target.strip()]
    if empty:
        yield Finding(
            "empty-targets",
            "error",
            f"{count_of(len(empty), 'row')} {'has' if len(empty) == 1 else 'have'} an empty target text "
            f"(column {rows.roles.target})",
            positions_of(empty),
            rows.origin,
            examples_of(rows, empty),
            "write them, or remove these rows",
        )
    yield from _copied(rows, targets)


def _copied(rows: Rows, targets: Sequence[Any]) -> Iterator[Finding]:
    pairs = zip(rows.texts, targets, strict=True)
    copied = np.flatnonzero([bool(target) and normalise(text) == normalise(target) for text, target in pairs])
    if len(copied) > COPIED_FRACTION * len(rows):
        yield Finding(
            "copied-targets",
            "warning",
            f"{len(copied) / len(rows):.0%} of the target texts repeat the input: the model may learn to copy",
            positions_of(copied),
            rows.origin,
            examples_of(rows, copied.tolist()),
            "remove them, unless copying is intended",
            {"fraction": len(copied) / len(rows)},
        )


def check_other_task(rows: Rows) -> Iterator[Finding]:
    """Say that questions with their answers can also be searched, where the columns are taken for texts to be written."""
    names = (rows.roles.text.casefold(), (rows.roles.target or "").casefold())
    if names in LABELLED_PAIRS:
        yield Finding(
            "question-answers",
            "note",
            f"the rows are read as texts to be written ({rows.roles.target}); --task retrieval finds the answer to a "
            "question among those given instead",
            origin=rows.origin,
            remedy="--task retrieval",
        )


def check_task_fit(rows: Rows, task: str, *, order: Sequence[str] | None = None) -> Iterator[Finding]:
    """Check that a task can be built from the rows, as training does before any work.

    For the task that the columns imply, other checks report everything; rows without a label are skipped, as
    another check reports them.

    Parameters
    ----------
    order : sequence of str, optional
        Order of ordinal labels, the lowest first.

    Raises
    ------
    UnknownNameError
        If no task has that name.
    """
    kind = load_task(task)
    if task == infer_task(rows)[0]:
        return
    try:
        stated = {} if order is None else {"order": order}
        kind.from_rows(drop_unlabelled(rows)[0] if rows.roles.targets else rows, **stated)
    except TooFewLabelsError:  # The check of labels reports it.
        return
    except DataError as error:
        yield Finding(
            "unfit-for-task",
            "error",
            f"{task} cannot be learned from these rows: {error}",
            origin=rows.origin,
            facts={"task": task},
        )
