"""The tasks that `--task` names, where it names several: `classification:intent,ner`."""

from collections.abc import Sequence
from dataclasses import dataclass

from metier.data.columns.role_inference import NONE
from metier.data.rows import TARGET_ROLES
from metier.errors import CallError
from metier.tasks.answers import ANSWERS
from metier.tasks.task_table import known_task, task_name


@dataclass(frozen=True)
class AskedTask:
    """One of several tasks.

    Parameters
    ----------
    name : str
        As `--task` has it: `classification`, or `classification:COLUMN`.
    task : str
        Its name in the table.
    column : str or None
        The column of its targets, where it is named.
    """

    name: str
    task: str
    column: str | None

    @classmethod
    def of(cls, text: str) -> "AskedTask":
        """Read one of the names of `--task`."""
        task, _, column = text.strip().partition(":")
        known_task(task)
        return cls(text.strip(), task_name(task), column or None)

    @property
    def role(self) -> str:
        """The role of its targets."""
        return str(ANSWERS[known_task(self.task).answer].role)

    @property
    def columns(self) -> dict[str, str]:
        """Its target as reading takes it: the column where it is named, and no other role of a target."""
        own = (self.role, *ANSWERS[known_task(self.task).answer].further_roles)
        others = {role: NONE for role in TARGET_ROLES if role not in own}
        return others | ({self.role: self.column} if self.column else {})

    @property
    def folder(self) -> str:
        """What its run is called."""
        return self.name.replace(":", "-")


def names_several(task: str | None) -> bool:
    """Whether `--task` names more than one task."""
    return task is not None and "," in task


def tasks_of(task: str) -> list[AskedTask]:
    """Give the tasks that `--task` names.

    Raises
    ------
    UnknownNameError
        If there is no such task.
    CallError
        If a name is left out.
    """
    names = [name.strip() for name in task.split(",")]
    if not all(names) or any(name.endswith(":") for name in names):
        raise CallError(
            f"--task {task} leaves a name out. Write a task on each side of a comma, and a column after a colon: "
            "classification:intent,ner."
        )
    return [AskedTask.of(name) for name in names]


def check_columns(tasks: Sequence[AskedTask]) -> None:
    """Refuse tasks of which two have one column; raises `CallError`."""
    columns = [(one.role, one.column) for one in tasks]
    if len(set(columns)) < len(columns):
        names = ",".join(one.name for one in tasks)
        raise CallError(
            f"--task {names} asks twice for one column. Name the column of each: classification:intent,ordinal:urgency."
        )
