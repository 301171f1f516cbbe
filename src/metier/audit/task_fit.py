"""Whether a stated task can be learned from the rows."""

from collections.abc import Iterator

from metier.audit.finding import Finding
from metier.data.filtering import drop_unlabelled
from metier.data.rows import Rows
from metier.errors import DataError, TooFewLabelsError
from metier.tasks.task_inference import infer_task
from metier.tasks.task_table import load_task


def check_task_fit(rows: Rows, task: str) -> Iterator[Finding]:
    """Check that a task can be built from the rows, as training does before any work.

    For the task that the columns imply, other checks report everything; rows without a label are skipped, as
    another check reports them.

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
