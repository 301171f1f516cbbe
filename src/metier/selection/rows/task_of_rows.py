"""Which task some rows are for, and what is learned about it from them."""

from metier.data import Rows, Splits, read
from metier.errors import CallError
from metier.selection.settings import TrainSettings
from metier.tasks.contract import Task
from metier.tasks.task_check import check_task
from metier.tasks.task_inference import infer_task
from metier.tasks.task_table import ORDERED, alias_note, known_task, load_task, task_name


def choose_task(train: Rows, settings: TrainSettings) -> tuple[str, str | None]:
    """Give the task's name, and the sentence that says how it was inferred; None where the settings name it."""
    if settings.task is None and settings.order is not None:
        return ORDERED, f"task = {ORDERED}, for an order is given (--task)"
    if settings.task is not None:
        known_task(settings.task)
        return task_name(settings.task), alias_note(settings.task)
    return infer_task(train)


def build_task(name: str, train: Rows, settings: TrainSettings) -> Task:
    """Learn a task from the training rows; raises a `DataError` for rows that do not suit it."""
    stated = {} if settings.order is None else {"order": settings.order}
    if stated and not load_task(name).is_ordered:
        raise CallError(f"--order is for grades; the task is {name}. Leave it out, or add --task {ORDERED}.")
    task: Task = load_task(name).from_rows(train, **stated)
    check_task(task)
    return task


def with_collection(task: Task, splits: Splits, settings: TrainSettings) -> Task:
    """Give a task of searching all that is to be searched; any other task comes back as it is.

    The passages of validation and test rows are searched from the beginning: what a query finds among all answers
    is the question, and which of them answers it stays unknown until it is measured.

    Raises
    ------
    CallError
        If a collection is named and nothing is searched, or the rows search one another.
    """
    named = settings.data.collection
    if named is not None and task.collection is None:
        raise CallError(
            f"data.collection is for a search among passages; the task is {task.name}. Leave it out, or add "
            "--task retrieval and name the passages with --role text_pair=COLUMN."
        )
    found = task.with_rows(splits.validation, splits.test)
    return found if named is None else found.searching(read(named, label="none").texts)
