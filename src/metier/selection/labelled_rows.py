"""Labelled rows that a trained model is to answer: found by the columns of its training, checked before it is asked."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from metier.audit.labels import labels_of_rows
from metier.bundles import Model
from metier.bundles.manifest import TaskFacts
from metier.data import Rows, drop_unlabelled, read
from metier.data.columns.role_inference import NONE
from metier.data.heard_rows import heard
from metier.data.splitting import groups_of
from metier.data.trained_columns import with_columns
from metier.errors import CallError, UnknownLabelError
from metier.figures import count_of
from metier.progress import Listener, Progress, ignore
from metier.runs.run_folder import RunFolder
from metier.runs.stored_answers import StoredAnswers, joined, keep
from metier.selection.scores import Scores, sources_of
from metier.tasks.answers import SEVERAL
from metier.tasks.inputs.spoken import Spoken
from metier.tasks.task import Task
from metier.tasks.task_table import load_task

BATCH_ROWS = 2_048
MOST_NAMED = 5


@dataclass(frozen=True)
class LabelledRows:
    """Rows with what they should be answered with.

    Parameters
    ----------
    rows : Rows
    task : Task
        Of the model, with the labels of the rows too.
    scores : Scores
        What answers to the rows are compared with.
    notes : tuple of str
        What has to be said of them, besides the notes of reading.
    has_unknown_labels : bool
        Whether some rows have labels that the model does not know; these count as wrong.
    """

    rows: Rows
    task: Task
    scores: Scores
    notes: tuple[str, ...] = ()
    has_unknown_labels: bool = False

    def answered(self, model: Model, *, listener: Listener = ignore) -> tuple[StoredAnswers, tuple[str, ...]]:
        """Let a model answer all rows, a batch at a time; the names are of the methods that answered each."""
        return answers_of_model(model, self.task.items(self.rows), self.task.labels, listener)


def answers_of_model(
    model: Model, items: Sequence[Any], labels: tuple[str, ...], listener: Listener
) -> tuple[StoredAnswers, tuple[str, ...]]:
    """Let a model answer items, a batch at a time; gives the answers, and which method gave each."""
    kept, answered_by = [], list[str]()
    for start in range(0, len(items), BATCH_ROWS):
        listener(Progress(f"{model.name}: answering", start, len(items)))
        answers = model.predict(items[start : start + BATCH_ROWS])
        kept.append(keep(answers, labels))
        answered_by += answers.answered_by
    listener(Progress(f"{model.name}: answering", len(items), len(items)))
    return joined(kept), tuple(answered_by)


def labelled_rows(
    model: Model, source: Any, *, drop_without_label: bool = False, listener: Listener = ignore, **how: Any
) -> LabelledRows:
    """Read labelled rows for a model, and check all that can rule a measurement out before it is asked.

    Parameters
    ----------
    model : Model
    source : path, Rows, DataFrame, Arrow table or list
        Labelled rows; what `metier.read` takes. Columns are found by the names that the training rows had, else
        inferred.
    drop_without_label : bool, default=False
        Whether rows without a label are left out instead of being an error.
    **how
        As in `metier.read`: columns by their role, `encoding`, `delimiter`, `header`, `separator`, `repair`.

    Raises
    ------
    DataError
        If rows cannot be asked or measured.
    CallError
        If a named column does not exist, or the model answers several tasks.
    """
    if model.task.answer == SEVERAL.name:
        raise CallError(
            f"{model.folder} answers several tasks, and rows are measured for one. Evaluate the run of a task, which lies "
            "in the folder of the run under its name."
        )
    trained = model.roles
    # Nothing is split here, so no column is to be found for that.
    unsplit = dict.fromkeys(("time", "split", *(() if "group" in trained else ("group",))), NONE)
    found = with_columns(trained, functools.partial(read, source), **(unsplit | how))
    if model.transcriber is not None:
        kind = model.input_kind
        joins = isinstance(kind, Spoken) and kind.joins
        found = heard(found, model.transcriber, joins=joins, listener=listener)
    rows, notes = _labelled(found, drop=drop_without_label)
    task, unknown = task_for(model.task, model.roles, rows)
    scores = Scores(
        task,
        task.targets(rows),
        origin=rows.origin,
        groups=groups_of(rows),
        sources=sources_of(task, rows),
    )
    return LabelledRows(rows, task, scores, (*notes, *unknown), bool(unknown))


def seen_before(model: Model, rows: Rows) -> str | None:
    """Say that these are rows of the model's run, which its folder knows by their fingerprints."""
    if model.folder is None:
        return None
    facts = RunFolder(model.folder.parent.parent).read_json("data.json") or {}
    named = [name for name, value in facts.get("fingerprints", {}).items() if value == rows.fingerprint]
    named += ["train"] if not named and model.fingerprint == rows.fingerprint else []
    if not named:
        return None
    consequence = {
        "test": "the figures are those of its report",
        "train": "it was trained on them, so the figures are too good",
    }.get(named[0], "it was chosen by them, so the figures may be too good")
    return f"{rows.origin} has the {named[0]} rows of the model's own run: {consequence}"


def _labelled(rows: Rows, *, drop: bool) -> tuple[Rows, list[str]]:
    if not drop:
        return rows, []
    kept, dropped = drop_unlabelled(rows)
    return kept, [f"left out {count_of(dropped, 'row')} without a label"] if dropped else []


def task_for(stated: TaskFacts, roles: Mapping[str, str], rows: Rows) -> tuple[Task, list[str]]:
    """Give the task with the labels of model and rows, and what is to be said of labels that the model lacks.

    Raises
    ------
    UnknownLabelError
        If the model knows none of the labels of the rows, or not all of an order.
    """
    task: Task = load_task(stated.name).restored(stated.record(roles or rows.roles.named))
    task = task.with_rows(rows)
    own = (labels_of_rows(rows) if task.labels and task.answer.has_labels else None) or []
    known = {
        *task.labels,
        task.negative_label,
    }  # Of some tasks that is no answer, and its rows have it all the same.
    lacking = [number for number, labels in enumerate(own, 1) if not known.issuperset(labels)]
    if not lacking:
        return task, []
    names = sorted({label for number in lacking for label in own[number - 1]} - known)
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    found = (
        f"{rows.origin}: {len(lacking):,} of {len(rows):,} rows have labels that the model does not know "
        f"({', '.join(map(repr, names[:MOST_NAMED]))}{more}), the first in row {lacking[0]}"
    )
    if len(lacking) == len(rows):
        raise UnknownLabelError(
            f"{found}: none could be right. Evaluate rows of the task {task.name} with its labels ("
            f"{', '.join(map(repr, task.labels[:MOST_NAMED]))}{', …' if len(task.labels) > MOST_NAMED else ''}), or "
            "name the column of labels with --label."
        )
    if task.is_ordered:
        raise UnknownLabelError(
            f"{found}. Its grades have an order, in which these have no place: correct them."
        )
    if task.answer.is_one_label:
        # Not a field that the contract of a task promises, but every task of one label is learned from labels.
        task = replace(task, labels=(*task.labels, *names))  # type: ignore[type-var]
    return task, [f"{found}; they count as wrong"]
