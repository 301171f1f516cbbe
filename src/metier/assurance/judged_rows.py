"""The rows that answers are compared on, and what they should be answered with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from metier.assurance.answer_file import AnswerFile, answer_column, read_answer_file
from metier.assurance.compared import Source, same_fingerprint, test_rows_of
from metier.bundles.manifest import TaskFacts
from metier.data import Rows, read
from metier.data.columns.role_inference import NONE
from metier.data.heard_rows import heard
from metier.data.splitting import groups_of
from metier.data.trained_columns import with_columns
from metier.errors import CallError, DataError, UnknownLabelError
from metier.figures import count_of
from metier.selection.labelled_rows import task_for
from metier.tasks.answers import ANSWERS, SEVERAL
from metier.tasks.task import Task
from metier.tasks.task_table import infer_task, known_task, load_task, task_name


@dataclass(frozen=True)
class Judged:
    """The rows that all are compared on.

    Parameters
    ----------
    task : Task
    targets : list
        What they should be answered with.
    groups : ndarray of int or None
    rows : Rows or None
        What was asked; None: only the truth was kept.
    origin : str
    fingerprint : str or None
        Of rows whose answers a run may have kept.
    notes : tuple of str
    """

    task: Task
    targets: list[Any]
    groups: np.ndarray | None
    rows: Rows | None
    origin: str
    fingerprint: str | None
    notes: tuple[str, ...] = ()


def judged_rows(
    sources: Sequence[Source], stated: TaskFacts | None, truth: Any, *, task: str | None, how: dict[str, Any]
) -> Judged:
    """Find the rows and their truth.

    Parameters
    ----------
    stated : TaskFacts or None
        What the models among the sources predict; None: only files are compared.
    truth : Any
        What `read` takes; None: the test rows of runs, or the truth that stands in a file beside its answers.
    task : str or None
        What is predicted where nothing states it.
    how : dict
        How rows are read.

    Raises
    ------
    CallError
        If the truth is not known, or runs answered different rows.
    DataError
        If the rows cannot be read or judged.
    """
    if stated is not None and (stated.answer == SEVERAL.name or stated.name == SEVERAL.name):
        raise CallError(
            "Models of several tasks cannot be compared at once. Compare the runs of a task, which lie in the folder of "
            "the run under its name."
        )
    notes = list[str]()
    if truth is None:
        with_run = [source for source in sources if source.fingerprint is not None]
        if with_run and all(source.file is not None or source in with_run for source in sources):
            fingerprint = same_fingerprint(with_run)
            rows = test_rows_of(with_run[0])
            if rows is None and len(with_run) == len(sources):
                return _of_run(sources, fingerprint)
            if rows is not None:
                return _of_rows(rows, sources, stated, task, notes=())
        truth, said = _truth_beside_answers(sources, stated, task, how)
        notes.append(said)
    roles = next((source.roles for source in sources if source.roles), {})
    unsplit = dict.fromkeys(("time", "split", *(() if "group" in roles else ("group",))), NONE)
    rows = with_columns(roles, partial(read, truth), **(unsplit | how))
    hearing = next((one for one in sources if one.manifest is not None and one.manifest.speech), None)
    if hearing is not None and hearing.model.transcriber is not None:
        rows = heard(rows, hearing.model.transcriber)
    return _of_rows(rows, sources, stated, task, notes=(*rows.notes, *notes))


def _of_run(sources: Sequence[Source], fingerprint: str | None) -> Judged:
    """Judge by the truth that a run kept, without the texts."""
    kept = next((found for one in sources if one.run and (found := one.run.truth("test")) is not None), None)
    if kept is None:
        raise CallError(
            "None of these runs kept what its test rows should be answered with, as runs of this release do. Name the file "
            "of these rows with --truth."
        )
    source = sources[0]
    assert source.task is not None  # It is of a run.
    restored: Task = load_task(source.task.name).restored(source.task.record(source.roles))
    note = (
        "the file of the test rows is not where it was, or has changed: rows are named by their number, and parts of them "
        "are not compared (--truth FILE)"
    )
    return Judged(restored, kept[0], kept[1], None, f"the test rows of {source.name}", fingerprint, (note,))


def _of_rows(
    rows: Rows, sources: Sequence[Source], stated: TaskFacts | None, task: str | None, *, notes: Sequence[str]
) -> Judged:
    said = list(notes)
    if stated is None:
        name, note = (task_name(task), None) if task else infer_task(rows)
        said += [] if note is None else [note]
        found: Task = load_task(name).from_rows(rows)
    else:
        roles = next((source.roles for source in sources if source.roles), {})
        found, unknown = task_for(stated, roles, rows)
        said += unknown
    return Judged(
        found, list(found.targets(rows)), groups_of(rows), rows, rows.origin, rows.fingerprint, tuple(said)
    )


def _truth_beside_answers(
    sources: Sequence[Source], stated: TaskFacts | None, task: str | None, how: dict[str, Any]
) -> tuple[Path, str]:
    """Find a file that has the truth beside its answers."""
    for source in sources:
        if source.file is None:
            continue
        try:
            rows = read(source.file, **how)
        except DataError:
            continue
        name = stated.name if stated is not None else task_name(task) if task else infer_task(rows)[0]
        kind = ANSWERS[known_task(name).answer]
        own = set(rows.roles.named.values())
        if rows.roles.targets and answer_column(rows.table.column_names, kind, asked=own, surely=True):
            column = rows.roles.column_of(rows.roles.targets[0])
            return source.file, f"what is right is the column {column} of {source.file} (--truth FILE)"
    raise CallError(
        "What the rows should be answered with is not known: give the file of labelled rows with --truth FILE."
    )


def read_answers(
    source: Source, judged: Judged, prediction: str | None, reading: Mapping[str, Any]
) -> AnswerFile:
    """Read the file of a source, whose column of answers is called `prediction`, or found."""
    assert source.file is not None
    asked, truth = set[str](), None
    if judged.rows is not None:
        roles = judged.rows.roles
        truth = next((roles.column_of(role) for role in roles.targets), None)
        asked = set(roles.named.values()) - {truth}
    kind = judged.task.answer
    return read_answer_file(source.file, kind, asked=asked, truth=truth, named=prediction, **reading)


def with_labels_of(judged: Judged, sources: Sequence[Source], files: Mapping[str, AnswerFile]) -> Judged:
    """Give the rows with the labels that any side knows: an answer that is no label of the rows is wrong, not an error.

    Raises
    ------
    UnknownLabelError
        If none of the answers of a file is a label.
    """
    task = judged.task
    if not (task.labels and task.answer.is_one_label) or task.is_ordered:
        return judged
    stated = [label for source in sources if source.task for label in source.task.labels]
    answered = {name: file.predicted() or [] for name, file in files.items()}
    known = {*task.labels, *stated}
    notes = []
    for name, answers in answered.items():
        unknown = [label for label in answers if label not in known]
        if answers and len(unknown) == len(answers):
            raise UnknownLabelError(
                f"None of the answers of {name} is a label of {judged.origin}: the first is {unknown[0]!r}, and labels are "
                f"{', '.join(map(repr, task.labels[:5]))}{', …' if len(task.labels) > 5 else ''}. Write labels as they "
                "stand there, or name the column of answers with --prediction."
            )
        if unknown:
            notes.append(
                f"{name}: {count_of(len(unknown), 'answer')} are no label of {judged.origin} (the first: {unknown[0]!r}); "
                "they count as wrong"
            )
    found = [label for answers in answered.values() for label in answers]
    labels = tuple(dict.fromkeys((*task.labels, *stated, *found)))
    if len(labels) > len(task.labels):
        # Not a field that the contract of a task promises, but every task of one label is learned from labels.
        task = replace(task, labels=labels)  # type: ignore[type-var]
    return replace(judged, task=task, notes=(*judged.notes, *notes))
