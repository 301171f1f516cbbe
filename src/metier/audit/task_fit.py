"""Rows and a task that was stated: whether training could learn it from them."""

from collections.abc import Iterator

from metier.audit.finding import Finding
from metier.data.filtering import drop_unlabelled
from metier.data.rows import Rows
from metier.data.task_inference import infer_task
from metier.errors import DataError, TooFewLabelsError
from metier.tasks.task_table import load_task


def check_task_fit(rows: Rows, task: str) -> Iterator[Finding]:
    """Check that a task can be learned from rows, by learning it as training does before any work.

    Of the task that the columns show other checks say all there is to say; and rows without a label are left out, for
    another check tells of them, too.

    Raises
    ------
    UnknownNameError
        If no task has that name.
    """
    kind = load_task(task)
    if task == infer_task(rows)[0]:
        return
    try:
        kind.from_rows(drop_unlabelled(rows)[0] if rows.roles.targets else rows)
    except TooFewLabelsError:  # Found by the check of labels already.
        return
    except DataError as error:
        yield Finding(
            "unfit-for-task",
            "error",
            f"{task} cannot be learned from these rows: {error}",
            origin=rows.origin,
            facts={"task": task},
        )
