"""Several tasks that are trained together: the method of each, and its rows; all have one split."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from metier import catalogue, training
from metier.data import Rows, drop_unlabelled, split_rows
from metier.errors import CallError
from metier.figures import count_of
from metier.selection.rows.preparation import Sources, read_all
from metier.selection.settings import TrainSettings
from metier.tasks.asked_task import AskedTask, check_columns, tasks_of
from metier.tasks.task_table import known_task

SPLIT = "split"


def estimator_of(asked: AskedTask) -> "type[training.TunedEstimator]":
    """Give the method that trains an encoder for a task; raises `CallError` where none can be shared."""
    for name in reversed(known_task(asked.task).candidates):
        method = catalogue.resolve(name)
        is_tuned = isinstance(method, type) and issubclass(method, training.TunedEstimator)
        if is_tuned and training.can_share(method.method):
            return method
    raise CallError(
        f"{asked.task} cannot be trained together with other tasks: its method reads more than a text. "
        "Train it by itself."
    )


def asked_tasks(task: str) -> list[AskedTask]:
    """Give the tasks that `--task` names.

    Raises
    ------
    UnknownNameError
        If there is no such task.
    CallError
        If a name is left out, a task is named twice for one column, or cannot be trained with others.
    """
    tasks = tasks_of(task)
    for one in tasks:
        estimator_of(one)  # Raises where it cannot be shared.
    check_columns(tasks)
    return tasks


def read_tasks(sources: Sources, settings: TrainSettings) -> list[tuple[AskedTask, Rows]]:
    """Give the tasks that the settings name, each with its rows, all with one split; nothing is written.

    Raises
    ------
    CallError
        If the tasks cannot be trained together, or candidates are named.
    """
    asked = asked_tasks(str(settings.task))
    if settings.candidates is not None:
        raise CallError(
            "--candidates names methods of one task, and --task names several. Leave --candidates out: each task is "
            "trained with its own."
        )
    return list(zip(asked, _rows_of(asked, sources, settings), strict=True))


def _rows_of(asked: Sequence[AskedTask], sources: Sources, settings: TrainSettings) -> list[Rows]:
    """Read the rows once a task, each with the column of its targets, and all with one split."""
    rows = []
    for one in asked:
        data = settings.data.model_dump() | one.columns
        own = settings.model_copy(update={"data": type(settings.data)(**data)})
        train, test, _ = read_all(sources, own)
        rows.append((train, test))
    first, test = rows[0]
    lengths = {one.name: len(train) for one, (train, _) in zip(asked, rows, strict=True)}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name}: {count_of(n, 'row')}" for name, n in lengths.items())
        raise CallError(
            f"Tasks that train together need the same rows, and reading found {found}. Correct the file."
        )
    names = _split_names(first, settings, has_test=test is not None)
    return [_with_split(train, own_test, names) for train, own_test in rows]


def _split_names(rows: Rows, settings: TrainSettings, *, has_test: bool) -> list[str | None]:
    """Give the part of each row: that of its own column, or one drawn for the first task."""
    if rows.roles.split is not None:
        return list(rows.column(SPLIT))
    place = "row_"
    numbered = Rows(
        rows.table.append_column(place, pa.array(range(len(rows)), pa.int64())), rows.roles, origin=rows.origin
    )
    known, _ = drop_unlabelled(numbered) if settings.data.drop_unlabelled else (numbered, 0)
    splits = split_rows(
        known,
        test=known.take(np.arange(min(len(known), 1))) if has_test else None,
        validation_fraction=settings.data.validation_fraction,
        test_fraction=settings.data.test_fraction,
        random_state=settings.random_state,
        keep_rare=settings.data.keep_rare,
    )
    names: list[str | None] = ["train"] * len(rows)
    for part in ("validation",) if has_test else ("validation", "test"):
        for row in splits.part(part).table.column(place).to_pylist():
            names[row] = part
    return names


def _with_split(rows: Rows, test: Rows | None, names: Sequence[str | None]) -> Rows:
    """Give the rows of all parts in one table, with the column that says which part each is of."""
    own = [name for name in rows.table.column_names if name != rows.roles.split]
    table = rows.table.select(own).append_column(SPLIT, pa.array(names, pa.string()))
    if test is not None:
        more = test.table.select(own).append_column(SPLIT, pa.array(["test"] * len(test), pa.string()))
        table = pa.concat_tables([table, more], promote_options="permissive")
    roles = rows.with_roles(split=None).roles
    found = Rows(table, roles, origin=rows.origin, notes=rows.notes, separator=rows.separator)
    return found.with_roles(split=SPLIT)
