"""Before the race: what each candidate will take on this machine, and what fits into the budget.

Costs are measured, not looked up: a base runs a few real batches of the real rows, a classical method a fit
on a sample. What cannot fit is dropped with a sentence before anything is trained. How many epochs the
encoder gets is decided here, so that the learning-rate schedule ends where the time does.
"""

import importlib.util
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil
from sklearn.base import clone

from metier import catalogue
from metier.bases.base_uses import is_for_reading, suits
from metier.data.rows import Rows
from metier.errors import BudgetError, MissingExtraError, SettingsError
from metier.machine import describe_machine
from metier.progress import Listener, Progress
from metier.runs.run_folder import RunFolder
from metier.selection.budget import Clock
from metier.selection.execution.ensembles import FUSIONS
from metier.selection.rows.unlabelled import with_unlabelled
from metier.selection.settings import TrainSettings, arguments_of
from metier.tasks.method_contract import Measurable
from metier.tasks.task import Task
from metier.tasks.task_table import known_task
from metier.text.language import detect_language

SAMPLE_ROWS = 200
# Answering, measuring, sealing and the report, besides what the candidates take.
OVERHEAD_SECONDS = 25.0
# The machine is shared and the estimate comes from a few batches.
SAFETY = 1.15
# Below this many epochs a fine-tuned encoder has not paid for its start.
FEWEST_EPOCHS = 2
SEARCHED, DISTILLED = "searched.v1", "distilled.v1"
# With this many, rows are worth more than epochs: the rest of the time goes to a refit.
ENOUGH_EPOCHS = 3
# Probing, exporting and the gate between INT8 and fp32, in seconds.
CLOSING_OF_AN_ENCODER = 20.0


@dataclass(frozen=True)
class Cost:
    """What a candidate is expected to take.

    Parameters
    ----------
    seconds : float
        Besides the epochs.
    memory_bytes : int
        At the peak.
    seconds_per_epoch : float
        For one pass over the rows; 0 where nothing is repeated.
    """

    seconds: float
    memory_bytes: int
    seconds_per_epoch: float = 0.0


@dataclass
class Planned:
    """One candidate before the race.

    Parameters
    ----------
    name : str
        Versioned name.
    method : estimator or None
        Unfitted; None where it cannot be built.
    seconds, memory_bytes : float, int
        What it is expected to take.
    seconds_per_epoch : float
        For one pass over the rows; 0 where nothing is repeated.
    epochs : int or None
        Passes over the rows that it may make.
    time_limit_minutes : float or None
        When the passes have to be over, should the machine be slower than it was measured.
    why_dropped : str or None
        Why it does not run.
    """

    name: str
    method: Any = None
    seconds: float = 0.0
    memory_bytes: int = 0
    seconds_per_epoch: float = 0.0
    epochs: int | None = None
    time_limit_minutes: float | None = None
    why_dropped: str | None = None


@dataclass(frozen=True)
class Plan:
    """What will run, cheap first, and what is joined afterwards."""

    candidates: list[Planned]
    fusions: tuple[str, ...]
    refit: bool
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def methods(self) -> dict[str, Any]:
        """The estimators that run, by name."""
        return {
            one.name: one.method for one in self.candidates if one.method is not None and not one.why_dropped
        }

    @property
    def sentence(self) -> str:
        """The preflight line."""
        running = [one for one in self.candidates if not one.why_dropped]
        seconds = sum(one.seconds for one in running) * (2 if self.refit else 1)
        memory = max((one.memory_bytes for one in running), default=0)
        cores = self.facts["cores"]
        n_running = f"{len(running)} {'candidate' if len(running) == 1 else 'candidates'}"
        base = "no base is needed" if self.facts["base"] == "none" else f"base {self.facts['base']}"
        return (
            f"{cores} {'core' if cores == 1 else 'cores'}, {self.facts['precision']}; "
            f"{base} ({self.facts['language']}); "
            f"{n_running} in about {max(1, round(seconds / 60))} min"
            f"{' with refit' if self.refit else ''}, {memory / 1e9:.1f} GB"
        )


@dataclass
class Preflight:
    """Builds the plan of a race."""

    run: RunFolder
    settings: TrainSettings
    task: Task
    train: Rows
    n_validation: int
    clock: Clock
    listener: Listener
    unlabelled: tuple[str, ...] = ()
    n_test: int = 0

    def __post_init__(self) -> None:
        self.items, self.targets = self.task.items(self.train), self.task.targets(self.train)

    def plan(self) -> Plan:
        """Measure the candidates and keep what fits; a resumed run keeps the plan it began with.

        Raises
        ------
        UnknownNameError
            If a candidate's name is not in the catalogue.
        BudgetError
            If the names leave nothing to train.
        SettingsError
            If the base is one that none of them can stand on.
        """
        wanted = self._wanted()
        language = detect_language(self.train.texts).main_language
        before = self.run.read_json("plan.json")
        candidates = [self._build(name) for name in wanted if name not in FUSIONS]
        if not candidates:
            raise BudgetError(
                f"{', '.join(wanted)} join other candidates, but none is named. Add some to --candidates."
            )
        self._check_base(candidates)
        if before is None:
            refit = self._fit_into_budget(candidates)
            facts = self._facts(candidates, language)
            self._save(candidates, refit=refit, facts=facts)
        else:
            refit, facts = before["refit"], before["facts"]
            for one in candidates:
                _recall(one, before["candidates"].get(one.name, {}))
        for one in candidates:
            if one.method is not None and one.epochs is not None:
                one.method.set_params(epochs=one.epochs)
                if one.method.get_params(deep=False).get("time_limit_minutes", 0) is None:
                    one.method.set_params(time_limit_minutes=one.time_limit_minutes)
        return Plan(candidates, tuple(name for name in wanted if name in FUSIONS), refit, facts)

    def _wanted(self) -> list[str]:
        known = known_task(self.task.name)
        # Some tasks know better which of their methods fit the rows: no lead sentence is a translation.
        field = getattr(self.task, "field", known.field)
        names = [catalogue.full_name(name) for name in self.settings.candidates or (*field, *known.fusions)]
        names += [SEARCHED] if self.settings.search else []
        names += [DISTILLED] if self.settings.distil else []
        if self.unlabelled:
            names = with_unlabelled(names, is_open=self.settings.candidates is None)
        order = {name: place for place, name in enumerate(catalogue.names())}
        return sorted(set(names), key=lambda name: order[name])

    def _build(self, name: str) -> Planned:
        try:
            method_class = catalogue.resolve(name)
            method = method_class(**self._arguments(name, method_class))
        except MissingExtraError as error:
            return Planned(name, why_dropped=str(error))
        except SettingsError:
            raise
        # A method that pays on some rows only says so of itself; who names it gets it all the same.
        is_open = self.settings.candidates is None and hasattr(method, "why_not")
        return Planned(name, method, why_dropped=method.why_not(self.items, self.targets) if is_open else None)

    def _check_base(self, candidates: Sequence[Planned]) -> None:
        """Refuse a base that only methods of another kind could stand on: it would be left out unsaid."""
        built = [one for one in candidates if one.method is not None and _has_base(one.method)]
        base = self.settings.base
        if base == "auto" or not built or any(self._takes_base(one.name) for one in built):
            return
        names = ", ".join(one.name for one in built)
        kinds = ("reads", "writes") if is_for_reading(base) else ("writes", "reads")
        raise SettingsError(
            [
                f"base is {base!r}, which {kinds[0]}, and a base that {kinds[1]} is what {names} can stand on; give "
                "another with --base, or other --candidates"
            ],
            origin="The settings",
        )

    def _takes_base(self, name: str) -> bool:
        """Whether the base of the settings is one for a method; of a search, for the method that is searched."""
        stands = self._searchable() if name == SEARCHED else name
        return suits(self.settings.base, catalogue.capabilities(stands))

    def _arguments(self, name: str, method_class: type) -> dict[str, Any]:
        accepted = method_class._get_param_names()  # type: ignore[attr-defined]
        ordered = getattr(self.task, "is_ordered", False)
        ours: dict[str, Any] = {
            **({"order": self.task.labels} if ordered else {}),
            "collection": getattr(self.task, "collection", None),
            "random_state": self.settings.random_state,
            **({"base": self.settings.base} if self._takes_base(name) else {}),
            **({} if self.settings.adaptation is None else {"adaptation": self.settings.adaptation}),
            "unlabelled": self.unlabelled or None,
            "checkpoint_folder": self.run.checkpoint(name),
            "metric": self.task.primary_metric,
            **({"method": self._searchable()} if name == SEARCHED else {}),
        }
        return {key: value for key, value in ours.items() if key in accepted} | arguments_of(
            self.settings, name
        )

    def _searchable(self) -> str:
        """Give the dearest method of the task that makes epochs: the one whose settings matter most."""
        for name in reversed(known_task(self.task.name).field):
            if "learning_rate" in catalogue.resolve(name)._get_param_names():
                return name
        raise SettingsError(
            [f"search is on, and no method of {self.task.name} is fine-tuned; leave --search out"],
            origin="The settings",
        )

    def _fit_into_budget(self, candidates: list[Planned]) -> bool:
        """Drop what does not fit; give the encoder the epochs that do. Gives whether a refit is planned."""
        memory = psutil.virtual_memory().available
        for one in candidates:
            if one.why_dropped is None:
                self._estimate(one, memory)
        left = self.clock.left_seconds - OVERHEAD_SECONDS
        once = [one for one in candidates if one.why_dropped is None]
        repeated = [one for one in once if one.seconds_per_epoch]
        for one in once:
            if one in repeated:
                continue
            if _has_base(one.method):
                one.why_dropped = _too_long(one.seconds, left, self.clock.budget_seconds)
            # What needs no base always runs: however small the budget, there is something to ship.
            left -= 0.0 if one.why_dropped else one.seconds * SAFETY
        refit = self.settings.refit
        for one in repeated:
            refit = self._give_epochs(one, left)
            left -= 0.0 if one.why_dropped else one.seconds
        return refit and self.settings.refit

    def _estimate(self, one: Planned, memory: int) -> None:
        self.listener(Progress("preflight: measuring a few batches", 0, None, unit=""))
        try:
            cost = self._cost(one.method)
        except Exception as error:  # The race meets it again, and says there what became of the candidate.
            self.run.log(f"{one.name}: preflight met {type(error).__name__}: {error}")
            return
        one.seconds, one.memory_bytes = cost.seconds, cost.memory_bytes
        one.seconds_per_epoch = cost.seconds_per_epoch
        if one.memory_bytes > memory:
            one.why_dropped = (
                f"it needs about {one.memory_bytes / 1e9:.1f} GB and {memory / 1e9:.1f} GB are free; "
                "take a smaller base (--base) or fewer rows"
            )

    def _cost(self, method: Any) -> Cost:
        if not isinstance(method, Measurable):
            return self._timed_on_a_sample(method)
        found = method.measure(self.items, self.targets)
        # What writes takes seconds for every row that it is compared on.
        answering = found.seconds_per_answer * (self.n_validation + self.n_test)
        closing = CLOSING_OF_AN_ENCODER if found.seconds_per_epoch else 0.0
        return Cost(closing + found.seconds_before + answering, found.memory_bytes, found.seconds_per_epoch)

    def _timed_on_a_sample(self, method: Any) -> Cost:
        step = max(1, len(self.items) // SAMPLE_ROWS)
        picked = range(0, len(self.items), step)
        items, targets = [self.items[index] for index in picked], [self.targets[index] for index in picked]
        if self.task.labels and all(target == targets[0] for target in targets):
            return Cost(0.0, 0)
        before, start = psutil.Process().memory_info().rss, time.perf_counter()
        clone(method).fit(items, targets, validation=(items[:50], targets[:50]))
        seconds, after = time.perf_counter() - start, psutil.Process().memory_info().rss
        scale = len(self.items) / len(items)
        return Cost(seconds * scale, after + int(max(0, after - before) * scale))

    def _give_epochs(self, one: Planned, left: float) -> bool:
        """Set the epochs of a method that makes several; gives whether a refit of it still fits."""
        most = one.method.get_params(deep=False)["epochs"]
        per_epoch, fixed = one.seconds_per_epoch * SAFETY, one.seconds
        growth = 1 + self.n_validation / max(1, len(self.items))
        with_refit = (
            int((left - fixed * (1 + growth)) / (per_epoch * (1 + growth))) if self.settings.refit else 0
        )
        alone = int((left - fixed) / per_epoch)
        refit = with_refit >= min(most, ENOUGH_EPOCHS)
        epochs = min(most, with_refit if refit else alone)
        fewest = getattr(one.method, "fewest_epochs", min(FEWEST_EPOCHS, most))
        if epochs < fewest:
            needed = fixed + fewest * per_epoch
            one.why_dropped = _too_long(needed, left, self.clock.budget_seconds)
            return self.settings.refit
        one.epochs, one.seconds = epochs, fixed + epochs * per_epoch
        one.time_limit_minutes = max((left / (1 + growth) if refit else left) - fixed, per_epoch) / 60
        return refit

    def _facts(self, candidates: Sequence[Planned], language: str) -> dict[str, Any]:
        precision = "fp32"
        if importlib.util.find_spec("torch"):
            precision = "bf16" if describe_machine().has_bf16 else "fp32"
        bases = {one.method.base for one in candidates if hasattr(one.method, "base")}
        return {
            "cores": self.settings.threads, "precision": precision, "language": language,
            "base": ", ".join(sorted(bases)) or "none",
        }  # fmt: skip

    def _save(self, candidates: Sequence[Planned], *, refit: bool, facts: dict[str, Any]) -> None:
        kept = {
            one.name: {key: value for key, value in vars(one).items() if key not in ("name", "method")}
            for one in candidates
        }
        self.run.write_json("plan.json", {"candidates": kept, "refit": refit, "facts": facts})


def _has_base(method: Any) -> bool:
    return "base" in method.get_params(deep=False)


def _recall(one: Planned, facts: dict[str, Any]) -> None:
    for name, value in facts.items():
        setattr(one, name, value)


def _too_long(seconds: float, left: float, budget: float) -> str | None:
    if seconds <= max(left, 0):
        return None
    return (
        f"it needs about {seconds:.0f} s and {max(left, 0):.0f} s of the {budget:.0f} s are left for it; "
        "give more time with --budget"
    )
