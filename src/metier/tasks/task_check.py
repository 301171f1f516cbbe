"""Check a task before any work: known kinds, known metrics."""

from metier.errors import SettingsError, UnknownNameError
from metier.evaluation.measure_table import find_measure
from metier.evaluation.metrics import METRICS
from metier.tasks.answers import ANSWERS
from metier.tasks.inputs import INPUTS
from metier.tasks.task import Task
from metier.tasks.task_table import known_task


def check_task(task: Task) -> None:
    """Refuse a task that could not be measured, sealed or served.

    Raises
    ------
    SettingsError
        With every fault: kinds that stand in no table, a row that names another kind, unknown metrics.
    """
    faults = [
        f"its {what} kind {kind.name!r} is not in the table; known: {', '.join(table)}"
        for what, kind, table in (("input", task.input, INPUTS), ("answer", task.answer, ANSWERS))
        if table.get(kind.name) is None
    ]
    stated = known_task(task.name).answer
    if stated != task.answer.name:
        faults.append(f"its answers are {task.answer.name!r}, and its row in the table states {stated!r}")
    faults += [fault for metric in task.metrics if (fault := _metric_fault(metric))]
    if task.primary_metric not in task.metrics:
        faults.append(f"its primary metric {task.primary_metric!r} is not one of its metrics")
    if faults:
        raise SettingsError(faults, origin=f"The task {task.name}")


def _metric_fault(metric: str) -> str | None:
    if metric in METRICS:
        return None
    try:
        find_measure(metric)
    except UnknownNameError as error:
        return str(error)
    return None
