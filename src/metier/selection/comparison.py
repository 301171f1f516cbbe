"""The comparison: every candidate is trained on the training rows and answers the validation rows.

Cheap candidates run first, so a run that is cut short still has something to ship. A candidate that fails is
reported and the others go on. What is kept of a candidate is its exported predictor: every later figure is
measured on what ships, never on the model in memory.
"""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

from sklearn.base import clone

from metier import catalogue
from metier.bases.precision import trained_in
from metier.data.rows import Rows
from metier.data.splitting import groups_of
from metier.data.strata import part_of
from metier.errors import BudgetError, MetierError
from metier.fusion.ensemble import ANSWER_THEMSELVES, Builder, check_builder, ensemble_builder
from metier.progress import Listener, Progress
from metier.runs.run_folder import Entry, RunFolder, percent
from metier.runs.stored_answers import StoredAnswers
from metier.selection.budget import Clock
from metier.selection.candidates import CandidateBuilder
from metier.selection.execution.answering import Answering
from metier.selection.execution.fitting import Fitted, Fitter, Here, Job
from metier.selection.execution.measuring import measure_cost
from metier.selection.execution.out_of_fold import SPLIT, OutOfFold
from metier.selection.execution.refitting import Begun, RefitCost
from metier.selection.plan import Plan
from metier.selection.planned import Planned
from metier.selection.planning import OUT_OF_MEMORY, PLAN_FILE
from metier.selection.scores import Scores, scores_of, sources_of
from metier.selection.settings import TrainSettings
from metier.selection.unlabelled_gain import without_gain
from metier.storage import partial_folder, raise_if_refused
from metier.tasks.method_contract import Capabilities, CostRank, Method
from metier.tasks.task import Task

# A quick method that chooses its settings on fewer rows than this, on which it is compared too, looks better than it is.
FEWEST_TO_TUNE_ON = 500
# Of the budget: out-of-fold answers may take this part even if a refit would need it.
FOLDS_PART = 0.2


@dataclass
class Comparison:
    """The candidates of a run over one split of the rows.

    Parameters
    ----------
    run : RunFolder
        Where everything of it is kept; what is there already is not trained again.
    builder : CandidateBuilder
        Gives unfitted methods, with what was decided and what is set.
    train, validation : Rows
    clock : Clock
    listener : Listener
    builders : dict of str to Builder
        What built each ensemble, by name.
    entries : list of Entry
        What became of each candidate.
    fitter : Fitter
        Where candidates are fitted.
    n_test : int
        Rows that every candidate will answer at the end.
    measuring : dict of str to float
        Seconds that it took to measure what a candidate's answers cost, by name.
    scoring : dict of str to float
        Seconds that it took to score a candidate's validation answers, with intervals, by name.
    validation_scores : dict of str to dict
        Those scores; an ensemble's are of the answers that it gave when it was measured.
    not_refitted : dict of str to dict
        Why candidates were not trained again on train + validation: `needed_seconds` and `left_seconds`, or `why` it
        failed.
    """

    run: RunFolder
    builder: CandidateBuilder
    train: Rows
    validation: Rows
    clock: Clock
    listener: Listener
    builders: dict[str, Builder] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    fitter: Fitter = field(default_factory=Here)
    n_test: int = 0
    measuring: dict[str, float] = field(default_factory=dict)
    scoring: dict[str, float] = field(default_factory=dict)
    validation_scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    not_refitted: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def settings(self) -> TrainSettings:
        """Every setting of the run."""
        return self.builder.settings

    @property
    def task(self) -> Task:
        """What is to be predicted."""
        return self.builder.decisions.task

    @property
    def validation_items(self) -> Sequence[Any]:
        """What the validation rows ask."""
        return self.task.items(self.validation)

    @cached_property
    def scores(self) -> Scores:
        """How answers to the validation rows are judged."""
        return self.scores_on(self.validation, origin="The validation rows")

    @cached_property
    def answering(self) -> Answering:
        """What lets candidates answer the rows of a split."""
        has_ensembles = bool(self.builder.decisions.ensembles)
        return Answering(self.run, self.task.labels, self.settings.threads, has_ensembles)

    @cached_property
    def out_of_fold(self) -> OutOfFold:
        """Answers to training rows, where the validation rows are few."""
        precision = self.builder.decisions.precision
        seed = self.settings.random_state
        return OutOfFold(self.run, self.task, self.train, self.validation, precision, seed, self.listener)

    @cached_property
    def scores_out_of_fold(self) -> Scores:
        """How out-of-fold answers to training rows are judged."""
        return self.scores_on(self.out_of_fold.rows, origin="The training rows")

    def out_of_fold_answers(self, names: Sequence[str]) -> list[StoredAnswers] | None:
        """Give the out-of-fold answers of candidates; None where one of them has none."""
        if not all(map(self.out_of_fold.is_answered_by, names)):
            return None
        return [self.run.answers(name, SPLIT) for name in names]

    def predicted_out_of_fold(self, name: str) -> list[Any] | None:
        """Give what a candidate answered to training rows out of fold; None where it did not."""
        found = self.out_of_fold_answers([name])
        return None if found is None else found[0].predicted

    def keep_out_of_fold(self, name: str, answers: StoredAnswers) -> None:
        """Keep what an ensemble answers to those rows."""
        self.run.save_answers(name, SPLIT, answers)

    def scores_on(self, rows: Rows, *, origin: str) -> Scores:
        """Give how answers to some rows are judged."""
        return Scores(
            self.task,
            self.task.targets(rows),
            origin=origin,
            further=self.settings.metrics,
            groups=groups_of(rows),
            sources=sources_of(self.task, rows),
        )

    @property
    def trained(self) -> list[Entry]:
        """The candidates that can answer."""
        return [entry for entry in self.entries if entry.status == "trained"]

    @property
    def combinable(self) -> list[Entry]:
        """The candidates that an ensemble may be made of: not those that learned from unlabelled rows in vain."""
        in_vain = without_gain(self)
        return [entry for entry in self.trained if entry.name not in in_vain]

    def capabilities(self, name: str) -> Capabilities:
        """What the method of a candidate states about itself."""
        return catalogue.capabilities(name)

    def train_candidates(self, plan: Plan) -> None:
        """Train what the plan holds, cheap first; before each the time that is left is given out again.

        Raises
        ------
        BudgetError
            If nothing could be trained.
        """
        waiting = list(plan.candidates)
        if self.fitter.begins_early:
            for planned in waiting:
                if planned.runs and self.run.entry(planned.name) is None:
                    self.fitter.begin(self._job(planned))
        while waiting:
            if not self.fitter.begins_early:
                taken = {entry.name: self.clock.phases.get(entry.name, 0.0) for entry in self.trained}
                plan.again(self._left_beside(waiting), lambda name: self.run.entry(name) is not None, taken)
            planned = next((one for one in waiting if one.runs), waiting[0])
            waiting.remove(planned)
            self.entries.append(self.run.entry(planned.name) or self._enter(planned, plan))
        order = [one.name for one in plan.candidates]
        self.entries.sort(key=lambda entry: order.index(entry.name))
        if not self.trained:
            raise BudgetError(_nothing_trained(plan, self.entries))

    def answer_folds(self, methods: dict[str, Method]) -> None:
        """Let candidates answer training rows out of fold, quick ones first, in the time that a refit would leave."""
        singles = [entry for entry in self.trained if not entry.members and entry.name in methods]
        refits = sum(self.refit_cost(entry).seconds() for entry in singles) if self.settings.refit else 0.0
        # Where the validation rows alone can decide, a refit is worth more.
        least = FOLDS_PART * self.clock.budget_seconds if len(self.validation) < FEWEST_TO_TUNE_ON else 0.0
        begun = self.clock.left_seconds

        def left() -> float:
            free = self.left_seconds  # The ensembles are still to be built.
            return min(free, max(free - refits, least - (begun - self.clock.left_seconds)))

        is_here = isinstance(self.fitter, Here)
        for entry in sorted(singles, key=lambda one: one.train_seconds):
            quick = self._is_quick(entry.name)
            if quick or is_here:
                self.out_of_fold.answer(
                    entry,
                    methods[entry.name],
                    settled=not quick,
                    left=left,
                    seconds_per_answer=self.answering.seconds.get(entry.name, 0.0),
                )

    def build_ensembles(self, names: Sequence[str]) -> None:
        """Make ensembles of what was trained, on the validation answers."""
        for name in names:
            self.add(self.build_ensemble(name))

    def build_ensemble(self, name: str) -> Entry:
        """Give the entry of an ensemble; what was trained can be shipped without it, so it may fail."""

        def build() -> Entry:
            builder = ensemble_builder(name)
            check_builder(name, builder)
            self.builders[name] = builder
            entry = builder.build(self)
            if entry.members and not self.run.candidate(name).exists():
                builder.write(self)  # It was damaged, and forgotten when the run was resumed.
            return entry

        with self.clock.phase(name):
            return self._guarded(name, build)

    def add(self, entry: Entry) -> None:
        """Keep an entry, in the run's folder too."""
        self.run.save_entry(entry)
        self.entries.append(entry)

    def method(self, name: str) -> Method:
        """Give a method, unfitted, with everything that was decided and set for it."""
        return self.builder.build(name)

    def refit(self, names: Sequence[str], methods: dict[str, Method]) -> None:
        """Train candidates again on train + validation, with the choices they made, one after the other while time is left.

        What fails stays as it was.
        """
        for name in names:
            entry = next(entry for entry in self.trained if entry.name == name)
            if not entry.members and entry.trained_on == "train":
                self._refit_or_keep(entry, methods[name])
        self._write_ensembles_again()

    @property
    def refit_left_seconds(self) -> float:
        """Seconds that refits may still take: the end of the run and measuring the ensembles again are taken off."""
        ensembles = sum(self.measuring.get(entry.name, 0.0) for entry in self.trained if entry.members)
        return self.clock.left_seconds - self.closing_seconds - ensembles

    def measure_again(self, test_items: Sequence[Any]) -> None:
        """Measure what refitted candidates cost on rows that they were not trained on.

        A cascade that knows its rows is surer of them, falls through to stage 2 less often and looks too cheap.
        """
        for entry in self.trained:
            if entry.trained_on != "train":
                self._measure(entry, test_items)
                self.run.save_entry(entry)

    def models_of(self, name: str) -> set[str]:
        """The candidates, ensembles resolved, whose models a candidate answers with."""
        entry = next(entry for entry in self.entries if entry.name == name)
        return set().union(*(self.models_of(member) for member in entry.members)) if entry.members else {name}

    def fit(self, job: Job) -> Fitted:
        """Fit a method and put its export where the candidate's lies, whole or not at all."""
        with partial_folder(self.run.candidate(job.name)) as partial:
            with trained_in(self.builder.decisions.precision):
                fitted = self.fitter.fit(job, partial, self.listener)
            self.run.replace_candidate(job.name, partial)
        return fitted

    def measured(self, entry: Entry) -> Entry:
        """Let the predictor in an entry's folder answer the validation rows, and measure what that costs."""
        answers = self.answering.keep(entry.name, self.validation_items, "validation")
        start = self.clock.elapsed_seconds
        seed = self.settings.random_state
        self.validation_scores[entry.name] = scores_of(self.scores, answers, random_state=seed)
        self.scoring[entry.name] = self.clock.elapsed_seconds - start
        self._measure(entry, self.validation_items)
        return entry

    def _measure(self, entry: Entry, items: Sequence[Any]) -> None:
        start = self.clock.elapsed_seconds
        entry.cost = measure_cost(
            self.run.candidate(entry.name), items, random_state=self.settings.random_state
        )
        self.measuring[entry.name] = self.clock.elapsed_seconds - start

    @property
    def left_seconds(self) -> float:
        """Seconds that candidates may still take: what ends the run is taken off."""
        names = self.builder.decisions.ensembles
        ensembles = len(names) * max(self.measuring.values(), default=0.0)
        if ANSWER_THEMSELVES.intersection(names):
            slowest = max(self.answering.seconds.values(), default=0.0)
            ensembles += (len(self.validation) + self.n_test) * slowest
        return self.clock.left_seconds - self.closing_seconds - ensembles

    def _left_beside(self, waiting: Sequence[Planned]) -> float:
        """Seconds that candidates may still take where those that wait will be scored, and ensembles of them measured."""
        n_ensembles = len(self.builder.decisions.ensembles)
        foreseen = max((one.cost.seconds_measuring for one in waiting), default=0.0)
        ensembles = n_ensembles * max(0.0, foreseen - max(self.measuring.values(), default=0.0))
        scoring = sum(self.scoring.values()) / max(1, len(self.scoring))
        n_scored = sum(one.runs for one in waiting) * (1 + self.n_test / max(1, len(self.validation)))
        return self.left_seconds - ensembles - n_scored * scoring

    @property
    def closing_seconds(self) -> float:
        """What the end of the run will take: all answer the test rows, the answers are scored, the report is written."""
        rows = [self.answering.seconds.get(one.name, 1 / one.cost["rows_per_second"]) for one in self.trained]
        scoring = sum(self.scoring.values()) / max(1, len(self.validation))
        return self.clock.closing_seconds + self.n_test * (sum(rows) + scoring)

    def refit_cost(self, entry: Entry) -> RefitCost:
        """What training a candidate again on all rows will take, its export and measuring it included."""
        return RefitCost.of(
            entry,
            growth=(len(self.train) + len(self.validation)) / len(self.train),
            measuring=self.measuring.get(entry.name, 0.0),
            has_clock=self._has_free_clock(entry.name),
        )

    def _enter(self, planned: Planned, plan: Plan | None = None) -> Entry:
        if planned.why_dropped is not None:
            entry = Entry(planned.name, status="dropped", why=planned.why_dropped)
        elif planned.why_failed is not None:
            entry = Entry(planned.name, status="failed", why=planned.why_failed)
        else:
            with self.clock.phase(planned.name):
                entry = self._guarded(planned.name, lambda: self._saved(self._train_one(planned, plan)))
        self.run.log(f"{entry.name}: {entry.status} {entry.why or ''} in {entry.train_seconds:.1f} s")
        self.run.save_entry(entry)
        return entry

    def _saved(self, entry: Entry) -> Entry:
        self.run.save_entry(entry)  # Facts that JSON cannot hold are a fault of the method.
        return entry

    def _guarded(self, name: str, work: Callable[[], Entry]) -> Entry:
        """Do the work of one candidate; what goes wrong is reported and must not cost the others their work.

        Raises
        ------
        StorageError
            If the disk refuses: no candidate is to blame, and a resumed run does the work again.
        """
        try:
            return work()
        except MemoryError:
            why = OUT_OF_MEMORY
        except MetierError as error:
            raise_if_refused(error, folder=self.run.path)
            why = str(error)
        except (Exception, SystemExit) as error:  # A bug in one method, ours or a plug-in's.
            raise_if_refused(error, folder=self.run.path)
            self.run.log(f"{name} broke:\n{traceback.format_exc()}")
            why = f"a bug ({type(error).__name__}: {error}); see train.log"
        return Entry(name, status="failed", why=why)

    def _train_one(self, planned: Planned, plan: Plan | None) -> Entry:
        job = self._job(planned)
        if plan is not None:
            self.run.write_json(PLAN_FILE, plan.as_json())  # Interrupted, it goes on as it began.
        part = "" if planned.fraction == 1 else f" on {percent(planned.fraction)} of the rows"
        self.listener(Progress(f"{planned.name}: training{part}", 0, None, unit=""))
        fitted = self.fit(job)
        return self.measured(
            Entry(
                planned.name,
                train_seconds=fitted.seconds,
                export_seconds=fitted.export_seconds,
                params=fitted.params,
                facts=fitted.facts,
                fraction=planned.fraction,
            )
        )

    def _is_quick(self, name: str) -> bool:
        return self.capabilities(name).cost <= CostRank.FROZEN

    def _job(self, planned: Planned) -> Job:
        method = planned.begin()
        validation = (self.validation_items, self.task.targets(self.validation))
        tunes_inside = len(self.validation) < FEWEST_TO_TUNE_ON and self._is_quick(planned.name)
        rows = part_of(self.train, planned.fraction, random_state=self.settings.random_state)
        return Job(
            planned.name,
            method,
            self.task.items(rows),
            self.task.targets(rows),
            validation=None if tunes_inside else validation,
        )

    def _refit_or_keep(self, entry: Entry, method: Method) -> None:
        cost, left, name = self.refit_cost(entry), self.refit_left_seconds, f"{entry.name}-refit"
        begun = Begun.of(self.run, name) if left > 0 else None
        fraction = cost.fraction(left) if begun is None else begun.fraction
        if not fraction:
            needed, spare = cost.seconds(), max(left, 0.0)
            self.run.log(f"{entry.name}: no refit, it would take {needed:.0f} s of {spare:.0f} s left")
            self.not_refitted[entry.name] = {"needed_seconds": needed, "left_seconds": spare}
            return
        this = begun or Begun(max(left - cost.fixed, 1.0) / 60, fraction).keep(self.run, name)
        outcome = self._guarded(entry.name, lambda: self._refit_one(entry, method, this))
        if outcome.status == "failed":
            kept = f"{entry.name}: the refit failed, the model trained on train is kept: {outcome.why}"
            self.run.log(kept)
            self.not_refitted[entry.name] = {"why": outcome.why}
            self.listener(Progress(kept, 1, 1, unit=""))

    def _refit_one(self, entry: Entry, method: Method, begun: Begun) -> Entry:
        again: Method = clone(method).set_params(**entry.params)
        fraction = begun.fraction
        if self._has_free_clock(entry.name):
            # The clock of the first fit was that of fewer rows.
            again.set_params(time_limit_minutes=begun.minutes)
        if "checkpoint_folder" in again.get_params(deep=False):
            again.set_params(checkpoint_folder=self.run.checkpoint(f"{entry.name}-refit"))
        part = "" if fraction == 1 else f"{percent(fraction)} of "
        self.listener(Progress(f"{entry.name}: refit on {part}train + validation", 0, None, unit=""))
        fitted = self.fit(self._refit_job(entry.name, again, fraction))
        entry.train_seconds, entry.export_seconds = fitted.seconds, fitted.export_seconds
        entry.trained_on, entry.fraction = "train + validation", fraction
        self.run.log(f"{entry.name}: refit in {entry.train_seconds:.1f} s")
        self.run.save_entry(entry)
        return entry

    def _refit_job(self, name: str, method: Method, fraction: float) -> Job:
        """All validation rows are part of it: these a candidate has not learned from."""
        n_train = fraction * (len(self.train) + len(self.validation)) - len(self.validation)
        part = max(n_train / len(self.train), 1 / len(self.train))
        parts = part_of(self.train, part, random_state=self.settings.random_state), self.validation
        items, targets = ([*map(read, parts)] for read in (self.task.items, self.task.targets))
        return Job(name, method, [*chain(*items)], [*chain(*targets)])

    def _has_free_clock(self, name: str) -> bool:
        """Whether a method can be told when to be done, and its settings do not say so already."""
        return self.method(name).get_params(deep=False).get("time_limit_minutes", 0) is None

    def _write_ensembles_again(self) -> None:
        refitted = {entry.name for entry in self.trained if entry.trained_on != "train"}
        for entry in self.trained:
            models = self.models_of(entry.name)
            if not entry.members or not refitted.intersection(models):
                continue
            self.builders[entry.name].write(self)
            if refitted.issuperset(models):
                entry.trained_on = "train + validation"
            self.run.save_entry(entry)


def _nothing_trained(plan: Plan, entries: Sequence[Entry]) -> str:
    """Say why nothing was trained; more time is the cure only where time was short."""
    reasons = "; ".join(f"{entry.name}: {entry.why}" for entry in entries).rstrip(".") + "."
    short = any(one.waits for one in plan.candidates)
    cure = "Give more time with --budget, or name others with --candidates." if short else (
        "Name others with --candidates."
    )  # fmt: skip
    return f"No candidate could be trained. {reasons} {cure}"
