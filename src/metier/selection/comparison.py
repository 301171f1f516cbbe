"""The race: every candidate is trained on the training rows and answers the validation rows.

Cheap candidates run first, so a run that is cut short still has something to ship. A candidate that fails is
reported and the others go on. What is kept of a candidate is its exported predictor: every later figure is
measured on what ships, never on the model in memory.
"""

import shutil
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sklearn.base import clone

from metier.data.rows import Rows
from metier.errors import BudgetError, MetierError
from metier.predictors.loading import load_predictor
from metier.progress import Listener, Progress
from metier.runs.run_folder import Entry, RunFolder
from metier.runs.stored_answers import keep
from metier.selection.budget import Clock
from metier.selection.execution.ensembles import FUSIONS, Joiner
from metier.selection.execution.fitting import Fitted, Fitter, Here, Job
from metier.selection.execution.measuring import measure_cost
from metier.selection.plan import Plan, Planned
from metier.selection.rows.unlabelled import without_gain
from metier.selection.scores import Figures
from metier.selection.settings import TrainSettings
from metier.tasks.task import Task


@dataclass
class Race:
    """One race over one split of the rows."""

    run: RunFolder
    settings: TrainSettings
    task: Task
    train: Rows
    validation: Rows
    clock: Clock
    listener: Listener
    joiners: dict[str, Joiner] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    fitter: Fitter = field(default_factory=Here)

    @property
    def validation_items(self) -> Sequence[Any]:
        """What the validation rows ask."""
        return self.task.items(self.validation)

    @cached_property
    def figures(self) -> Figures:
        """What the answers to the validation rows are held against."""
        return Figures(self.task, self.task.targets(self.validation), origin="The validation rows")

    @property
    def trained(self) -> list[Entry]:
        """The candidates that can answer."""
        return [entry for entry in self.entries if entry.status == "trained"]

    @property
    def joinable(self) -> list[Entry]:
        """The candidates that a fusion may join: not those that learned from unlabelled rows in vain."""
        in_vain = without_gain(self)
        return [entry for entry in self.trained if entry.name not in in_vain]

    def train_all(self, plan: Plan) -> None:
        """Train what the plan holds, cheap first.

        Raises
        ------
        BudgetError
            If nothing could be trained.
        """
        for planned in plan.candidates:
            if not planned.why_dropped and self.run.entry(planned.name) is None:
                self.fitter.begin(self._job(planned))
        for planned in plan.candidates:
            entry = self.run.entry(planned.name) or self._enter(planned)
            self.entries.append(entry)
        if not self.trained:
            reasons = "; ".join(f"{entry.name}: {entry.why}" for entry in self.entries)
            raise BudgetError(
                f"No candidate could be trained. {reasons} Give more time with --budget, "
                "or name others with --candidates."
            )

    def fuse(self, wanted: Sequence[str]) -> None:
        """Join what was trained into fusions, on the validation answers."""
        for name in wanted:
            self.joiners[name] = FUSIONS[name](name)
            try:
                entry = self.joiners[name].join(self)
            except MetierError as error:  # What was trained can be shipped without it.
                entry = Entry(name, status="failed", why=str(error))
            self._add(entry)

    def refit(self, names: Sequence[str], methods: dict[str, Any]) -> None:
        """Train candidates again on train + validation, with the choices they made."""
        items = [*self.task.items(self.train), *self.task.items(self.validation)]
        targets = [*self.task.targets(self.train), *self.task.targets(self.validation)]
        for entry in self.trained:
            if entry.name in names and not entry.members and entry.trained_on == "train":
                self._refit_one(entry, methods[entry.name], items, targets)
        self._compose_again()

    def _enter(self, planned: Planned) -> Entry:
        if planned.why_dropped:
            entry = Entry(planned.name, status="dropped", why=planned.why_dropped)
        else:
            try:
                entry = self._train_one(planned)
            except MetierError as error:
                entry = Entry(planned.name, status="failed", why=str(error))
            except MemoryError:
                entry = Entry(
                    planned.name,
                    status="failed",
                    why="it ran out of memory; close other programs or take fewer rows",
                )
            except (
                Exception
            ) as error:  # A bug in one method, ours or a plug-in's, must not cost the others their work.
                self.run.log(f"{planned.name} broke:\n{traceback.format_exc()}")
                entry = Entry(
                    planned.name, status="failed", why=f"a bug ({type(error).__name__}: {error}); see train.log"
                )
        self.run.log(f"{entry.name}: {entry.status} {entry.why or ''} in {entry.train_seconds:.1f} s")
        self.run.save_entry(entry)
        return entry

    def _train_one(self, planned: Planned) -> Entry:
        self.listener(Progress(f"{planned.name}: training", 0, None, unit=""))
        fitted = self._fit(self._job(planned))
        return self.measured(
            Entry(planned.name, train_seconds=fitted.seconds, params=fitted.params, facts=fitted.facts)
        )

    def _job(self, planned: Planned) -> Job:
        return Job(
            planned.name,
            planned.method,
            self.task.items(self.train),
            self.task.targets(self.train),
            validation=(self.validation_items, self.task.targets(self.validation)),
        )

    def _refit_one(self, entry: Entry, method: Any, items: list[Any], targets: list[Any]) -> None:
        fresh = clone(method).set_params(**entry.params)
        if "checkpoint_folder" in fresh.get_params(deep=False):
            fresh.set_params(checkpoint_folder=self.run.checkpoint(f"{entry.name}-refit"))
        self.listener(Progress(f"{entry.name}: refit on train + validation", 0, None, unit=""))
        entry.train_seconds = self._fit(Job(entry.name, fresh, items, targets)).seconds
        entry.trained_on = "train + validation"
        self.run.log(f"{entry.name}: refit in {entry.train_seconds:.1f} s")
        self.run.save_entry(entry)

    def _compose_again(self) -> None:
        refitted = {entry.name for entry in self.trained if entry.trained_on != "train"}
        for entry in self.trained:
            leaves = self._leaves(entry)
            if not entry.members or not refitted.intersection(leaves):
                continue
            self.joiners[entry.name].write(self)
            if refitted.issuperset(leaves):
                entry.trained_on = "train + validation"
            self.run.save_entry(entry)

    def measure_again(self, unseen: Sequence[Any]) -> None:
        """Measure what refitted candidates cost on rows that they were not trained on.

        A cascade that knows its rows is surer of them, wakes its dear stage less often and looks too cheap.
        """
        for entry in self.trained:
            if entry.trained_on != "train":
                folder = self.run.candidate(entry.name)
                entry.cost = measure_cost(folder, unseen, random_state=self.settings.random_state)
                self.run.save_entry(entry)

    def leaves_of(self, name: str) -> set[str]:
        """The candidates, fusions resolved, whose models a candidate answers with."""
        return self._leaves(next(entry for entry in self.entries if entry.name == name))

    def _leaves(self, entry: Entry) -> set[str]:
        if not entry.members:
            return {entry.name}
        return set().union(*(self.leaves_of(member) for member in entry.members))

    def _fit(self, job: Job) -> Fitted:
        """Fit a method and put its export where the candidate's lies, whole or not at all."""
        folder = self.run.candidate(job.name)
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        fitted = self.fitter.fit(job, partial, self.listener)
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
        return fitted

    def measured(self, entry: Entry) -> Entry:
        """Let the predictor in an entry's folder answer the validation rows, and measure what that costs."""
        folder = self.run.candidate(entry.name)
        predictor = load_predictor(folder, threads=self.settings.threads)
        answers = keep(predictor.predict(self.validation_items), self.task.labels)
        self.run.save_answers(entry.name, "validation", answers)
        entry.cost = measure_cost(folder, self.validation_items, random_state=self.settings.random_state)
        return entry

    def _add(self, entry: Entry) -> None:
        self.run.save_entry(entry)
        self.entries.append(entry)
