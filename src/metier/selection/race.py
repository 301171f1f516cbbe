"""The race: every candidate is trained on the training rows and answers the validation rows.

Cheap candidates run first, so a run that is cut short still has something to ship. A candidate that fails is
reported and the others go on. What is kept of a candidate is its exported predictor: every later figure is
measured on what ships, never on the model in memory.
"""

import shutil
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sklearn.base import clone

from metier.data.rows import Rows
from metier.errors import BudgetError, MetierError
from metier.fusion import AverageFit, CascadeCertificate
from metier.predictors.loading import load_predictor
from metier.progress import Listener, Progress
from metier.selection import fusing
from metier.selection.budget import Clock
from metier.selection.measuring import measure_cost
from metier.selection.preflight import Plan, Planned
from metier.selection.run_folder import Entry, RunFolder
from metier.selection.settings import TrainSettings
from metier.tasks import Classification

AVERAGE, CASCADE = "average.v1", "cascade.v1"


@dataclass
class Race:
    """One race over one split of the rows."""

    run: RunFolder
    settings: TrainSettings
    task: Classification
    train: Rows
    validation: Rows
    clock: Clock
    listener: Listener
    average: AverageFit | None = None
    certificate: CascadeCertificate | None = None
    stages: tuple[str, str] | None = None
    entries: list[Entry] = field(default_factory=list)

    @property
    def trained(self) -> list[Entry]:
        """The candidates that can answer."""
        return [entry for entry in self.entries if entry.status == "trained"]

    def train_all(self, plan: Plan) -> None:
        """Train what the plan holds, cheap first.

        Raises
        ------
        BudgetError
            If nothing could be trained.
        """
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
        """Join what was trained into an average and a cascade, on the validation answers."""
        truth = self.task.encode(self.validation.labels)
        if AVERAGE in wanted:
            self._join_average(truth)
        if CASCADE in wanted:
            self._join_cascade(truth)

    def refit(self, names: Sequence[str], methods: dict[str, Any]) -> None:
        """Train candidates again on train + validation, with the choices they made."""
        texts = [*self.train.texts, *self.validation.texts]
        labels = [*self.train.labels, *self.validation.labels]
        for entry in self.trained:
            if entry.name in names and not entry.members and entry.trained_on == "train":
                self._refit_one(entry, methods[entry.name], texts, labels)
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
        method = planned.method
        self.listener(Progress(f"{planned.name}: training", 0, None, unit=""))
        start = time.perf_counter()
        method.fit(
            self.train.texts,
            self.train.labels,
            validation=(self.validation.texts, self.validation.labels),
            listener=self.listener,
        )
        seconds = time.perf_counter() - start
        self._export(planned.name, method)
        return self._measured(
            Entry(
                planned.name, train_seconds=seconds, params=dict(method.chosen_params_), facts=_facts_of(method)
            )
        )

    def _refit_one(self, entry: Entry, method: Any, texts: list[str], labels: list[str]) -> None:
        fresh = clone(method).set_params(**entry.params)
        if "checkpoint_folder" in fresh.get_params(deep=False):
            fresh.set_params(checkpoint_folder=self.run.checkpoint(f"{entry.name}-refit"))
        self.listener(Progress(f"{entry.name}: refit on train + validation", 0, None, unit=""))
        start = time.perf_counter()
        fresh.fit(texts, labels, listener=self.listener)
        entry.train_seconds = time.perf_counter() - start
        self._export(entry.name, fresh)
        entry.trained_on = "train + validation"
        self.run.log(f"{entry.name}: refit in {entry.train_seconds:.1f} s")
        self.run.save_entry(entry)

    def _compose_again(self) -> None:
        refitted = {entry.name for entry in self.trained if entry.trained_on != "train"}
        for entry in self.trained:
            leaves = self._leaves(entry)
            if not entry.members or not refitted.intersection(leaves):
                continue
            if entry.name == AVERAGE and self.average is not None:
                fusing.write_average(self.run, self.average, entry.members, entry.name)
            elif self.certificate is not None and self.stages is not None:
                fusing.write_cascade(self.run, self.certificate, self.stages, entry.name)
            if refitted.issuperset(leaves):
                entry.trained_on = "train + validation"
            self.run.save_entry(entry)

    def measure_again(self, unseen: Sequence[str]) -> None:
        """Measure what refitted candidates cost on texts that they were not trained on.

        A cascade that knows its texts is surer of them, wakes its dear stage less often and looks too cheap.
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

    def _export(self, name: str, method: Any) -> None:
        folder = self.run.candidate(name)
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        method.export(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)

    def _measured(self, entry: Entry) -> Entry:
        folder = self.run.candidate(entry.name)
        predictor = load_predictor(folder, threads=self.settings.threads)
        answers = predictor.predict(self.validation.texts)
        self.run.save_answers(entry.name, "validation", answers.probabilities)
        entry.cost = measure_cost(folder, self.validation.texts, random_state=self.settings.random_state)
        return entry

    def _join_average(self, truth: Any) -> None:
        members = fusing.members_for_average(self.trained)
        if len(members) < 2:
            self._add(Entry(AVERAGE, status="dropped", why="an average joins at least two candidates"))
            return
        self.average = fusing.fit_average_of(self.run, members, truth)
        entry = self.run.entry(AVERAGE)
        if entry is None:
            seconds = fusing.write_average(self.run, self.average, members, AVERAGE)
            facts = {
                "weights": dict(zip(members, map(float, self.average.weights), strict=True)),
                "temperatures": dict(zip(members, map(float, self.average.temperatures), strict=True)),
            }
            entry = self._measured(Entry(AVERAGE, members=members, train_seconds=seconds, facts=facts))
        self._add(entry)

    def _join_cascade(self, truth: Any) -> None:
        self.stages = fusing.stages_for_cascade(self.trained)
        if self.stages is None:
            self._add(
                Entry(
                    CASCADE,
                    status="dropped",
                    why="a cascade does not pay here: no candidate costs a third of another or less",
                )
            )
            return
        self.certificate = fusing.certify(self.run, *self.stages, truth, self.settings.cascade)
        if self.certificate.threshold is None:
            self._add(Entry(CASCADE, status="dropped", why=self.certificate.reason))
            return
        entry = self.run.entry(CASCADE)
        if entry is None:
            seconds = fusing.write_cascade(self.run, self.certificate, self.stages, CASCADE)
            facts = {
                "kept_fraction": float(self.certificate.kept_fraction),
                "threshold": float(self.certificate.threshold),
            }
            entry = self._measured(
                Entry(CASCADE, members=list(self.stages), train_seconds=seconds, facts=facts)
            )
        self._add(entry)

    def _add(self, entry: Entry) -> None:
        self.run.save_entry(entry)
        self.entries.append(entry)


def _facts_of(method: Any) -> dict[str, Any]:
    facts = getattr(method, "facts_", {})
    return dict(facts)
