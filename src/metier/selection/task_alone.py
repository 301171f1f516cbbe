"""One of several tasks: its rows, its run by itself, and what it brings to the training of all."""

from dataclasses import dataclass
from functools import cached_property

from metier import training
from metier.data import Splits
from metier.data.splitting import groups_of
from metier.selection.asked_tasks import estimator_of
from metier.selection.finished_run import Run
from metier.selection.scores import Scores, sources_of
from metier.selection.settings import TrainSettings
from metier.tasks.asked_task import AskedTask
from metier.tasks.task import Task
from metier.tasks.task_table import load_task


@dataclass(frozen=True)
class Alone:
    """A task with its rows and its run.

    Parameters
    ----------
    asked : AskedTask
    splits : Splits
    run : Run
    """

    asked: AskedTask
    splits: Splits
    run: Run

    @cached_property
    def task(self) -> Task:
        """What is predicted."""
        task: Task = load_task(self.asked.task).from_rows(self.splits.train)
        return task

    def scores(self, part: str) -> Scores:
        """Give what answers to the rows of a part are compared with."""
        rows = self.splits.part(part)
        return Scores(
            self.task,
            self.task.targets(rows),
            origin=f"the {part} rows",
            groups=groups_of(rows),
            sources=sources_of(self.task, rows),
        )

    def part(self, settings: TrainSettings) -> "training.Part":
        """Give what trains beside the others."""
        estimator, task = estimator_of(self.asked), self.task
        given = {} if settings.base == "auto" else {"base": settings.base}
        method = estimator(random_state=settings.random_state, **given)
        checked = {name: dict(estimator.Settings.of(method))[name] for name in estimator.method.checked_with}
        read = estimator.method.input.read
        train, held = self.splits.train, self.splits.validation
        answer = estimator.method.answer
        examples = answer.check(read(task.items(train)), task.targets(train), **checked)
        validation = answer.check(read(task.items(held)), task.targets(held), known=examples)
        return training.Part(
            self.asked.name, estimator.method, estimator.Settings.of(method), examples, validation
        )
