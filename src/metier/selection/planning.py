"""Before training: the cost of each candidate on this machine, and what fits into the budget.

Costs are measured, not looked up: a base runs a few real batches of the real rows, a classical method fits two samples
of them, from which its cost at all rows and labels follows. Measuring may take a tenth of the budget; when that is
spent, smaller samples and fewer batches have to do. How many epochs a method gets that is fine-tuned, or how many of
the rows, is decided in `plan`, so that the learning-rate schedule ends where the time does.
"""

import math
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psutil
from sklearn.base import clone

from metier import catalogue
from metier.bases.adaptation import layers_of
from metier.bases.base import Base
from metier.bases.image_base import image_base
from metier.bases.known_bases import resolve_base
from metier.bases.precision import trained_in
from metier.data import Splits
from metier.errors import MetierError, MissingExtraError, SettingsError
from metier.export.precision_choice import int8_answers
from metier.fusion.ensemble import ANSWER_THEMSELVES
from metier.progress import Listener, Progress
from metier.selection.budget import Clock
from metier.selection.candidate_cost import CandidateCost, UpperLayers
from metier.selection.candidates import CandidateBuilder
from metier.selection.execution.measuring import seconds_to_measure
from metier.selection.plan import Plan, fit_into
from metier.selection.planned import Budget, Planned
from metier.selection.sample_cost import Sample, cost_of_all, n_labels_of, seconds_per_answer, work_of
from metier.selection.settings import arguments_of
from metier.tasks.inputs import TEXT
from metier.tasks.method_contract import (
    Measurable,
    MeasuredCost,
    Method,
    StatesMemory,
    SuitsSomeRows,
    TriesByWork,
    measured_within,
    measuring_is_over,
)

SAMPLE_ROWS = (200, 800)
# Of so many rows a third sample is worth its seconds. Beyond it the matrix no longer fits the cache of the processor: from
# 12,800 to 215,000 rows of 77 labels a row came to cost 2.06 times as much, which is this power of how many times as many.
MANY_ROWS, SAMPLE_OF_MANY, POWER_BEYOND_CACHE = 200_000, 12_800, 0.25
# A second sample is fitted unless it would take longer than this, or all rows take less than this part of the budget.
LONGEST_SAMPLE_SECONDS = 10.0
CHEAP_FRACTION = 0.02
# Of the budget, for measuring; after that a sample has so many rows.
MEASURING_FRACTION = 0.1
OVERDUE_ROWS = 50
# Of a sample, that its model answers to see what an answer takes.
ANSWERED_ROWS = 50
# Exporting what stands on a base, and measuring what an answer costs, on a processor of its own.
EXPORT_SECONDS = 8.0
# Of the weights of a base, while a graph is written and checked (5.8 to 6.6 were measured), and what earlier candidates
# of a run leave in memory.
EXPORT_COPIES, LEFT_BYTES = 7, 500_000_000
# The upper layers that may train alone are one in so many.
UPPER_SHARE_OF = 3
# With less than this, on a processor of its own, nothing that stands on a base could be measured and trained.
LEAST_BASE_SECONDS = 12.0
PLAN_FILE = "plan.json"
OUT_OF_MEMORY = "it ran out of memory; close other programs or take fewer rows"


@dataclass
class Planner:
    """Makes the plan of a run."""

    builder: CandidateBuilder
    splits: Splits
    clock: Clock
    listener: Listener

    def __post_init__(self) -> None:
        task = self.builder.decisions.task
        self.items, self.targets = task.items(self.splits.train), task.targets(self.splits.train)

    def plan(self) -> Plan:
        """Measure the candidates and keep what fits; a resumed run keeps the plan it began with.

        Raises
        ------
        SettingsError
            If a method cannot work with its settings.
        """
        decisions, run = self.builder.decisions, self.builder.run
        candidates = [self._planned(name) for name in decisions.candidates]
        before = run.read_json("plan.json")
        if before is None:
            self._measure([one for one in candidates if one.runs])
            budget = self._budget()
            plan = Plan(
                candidates, decisions.ensembles, fit_into(budget, candidates), budget, self._facts(candidates)
            )
            plan.measure = self._measure_again
            run.write_json(PLAN_FILE, plan.as_json())
            return plan
        for one in candidates:
            one.recall(before["candidates"].get(one.name, {}))
            if one.has_begun and one.runs:
                one.begin()  # A refit makes of it what was planned, too.
        return Plan(candidates, decisions.ensembles, before["refit"], self._budget(), before["facts"])

    def _planned(self, name: str) -> Planned:
        try:
            method = self.builder.build(name)
        except MissingExtraError as error:
            return Planned(name, why_dropped=str(error))
        # A method that pays on some rows only states it itself; where it is named it runs all the same.
        is_open = self.builder.settings.candidates is None and isinstance(method, SuitsSomeRows)
        settings = method.get_params(deep=False)
        planned = Planned(name, method, "base" in settings, most_epochs=settings.get("epochs"))
        if self._is_adaptation_open(name):
            planned.upper = _upper_layers(self._base_of(method))
        if is_open and isinstance(method, SuitsSomeRows):
            self._guarded(planned, lambda: self._ask_whether_it_suits(planned, method))
        return planned

    def _base_of(self, method: Method) -> Base | None:
        """Give the base of a method that reads or sees; None where there is none, or it cannot be had."""
        named = method.get_params(deep=False).get("base")
        if named is None or catalogue.capabilities(method.name).writes:
            return None
        try:
            if catalogue.capabilities(method.name).sees:
                return image_base(str(named))
            return resolve_base(str(named), language=self.builder.decisions.language)
        except (MetierError, OSError, ValueError):  # Whoever trains it says so.
            return None

    def _is_adaptation_open(self, name: str) -> bool:
        """Whether nothing says which weights of the base are to train, and upper layers are known to learn the task."""
        stated, settings = catalogue.capabilities(name), self.builder.settings
        task = self.builder.decisions.task
        # Spans need the lower layers: on ncbi_disease two layers and 71 % of the rows lost to all layers and fewer rows.
        if not (task.answer.is_one_label and task.input is TEXT):
            return False
        if not stated.takes_adaptation or stated.writes or settings.adaptation is not None:
            return False
        return not {"adaptation", "objective"} & set(arguments_of(settings, name))

    def _ask_whether_it_suits(self, planned: Planned, method: SuitsSomeRows) -> None:
        planned.why_dropped = method.why_not(self.items, self.targets)

    def _budget(self) -> Budget:
        return Budget(
            self.clock.budget_seconds,
            self.clock.left_seconds - self.clock.closing_seconds,
            psutil.virtual_memory().available,
            n_rows=len(self.items),
            n_labels=len(self.builder.decisions.task.labels),
            refit=self.builder.settings.refit,
            growth=1 + len(self.splits.validation) / max(1, len(self.items)),
        )

    def _measure(self, candidates: Sequence[Planned]) -> None:
        """Measure what each takes; each may use what those before it left of the time for measuring."""
        ends = time.perf_counter() + MEASURING_FRACTION * self.clock.budget_seconds
        for one in candidates:
            left = self.clock.left_seconds - self.clock.closing_seconds
            if one.needs_base and left < LEAST_BASE_SECONDS * self.clock.slowdown:
                one.why_dropped = (
                    f"{max(left, 0):.0f} s of the {self.clock.budget_seconds:.0f} s are left, too few to measure what "
                    "it takes and to train it; give more time with --budget"
                )
                continue
            with measured_within(ends - time.perf_counter()):
                self._estimate(one)

    def _measure_again(self, one: Planned) -> None:
        with measured_within(MEASURING_FRACTION / 2 * self.clock.budget_seconds), self.clock.phase("planning"):
            self._estimate(one)

    def _estimate(self, one: Planned) -> None:
        """Measure what a candidate will take; one whose cost cannot be measured does not run."""
        one.measured_at = time.monotonic()
        self.listener(Progress("plan: measuring a few batches", 0, None, unit=""))
        self._guarded(one, lambda: self._find_cost(one))

    def _find_cost(self, one: Planned) -> None:
        assert one.method is not None  # Only what runs is measured.
        with trained_in(self.builder.decisions.precision):
            one.cost = self._cost(one.name, one.method)

    def _guarded(self, one: Planned, ask: Callable[[], None]) -> None:
        """Ask a candidate; one that breaks does not run, and costs the others nothing."""
        try:
            ask()
        except SettingsError:
            raise
        except MemoryError:
            one.why_failed = OUT_OF_MEMORY
        except MetierError as error:
            one.why_failed = str(error)
        except (Exception, SystemExit) as error:  # A bug in one method, ours or a plug-in's.
            self.builder.run.log(f"{one.name} failed while it was planned:\n{traceback.format_exc()}")
            one.why_failed = f"a bug ({type(error).__name__}: {error}); see train.log"

    def _cost(self, name: str, method: Method) -> CandidateCost:
        if not isinstance(method, Measurable):
            return self._timed_on_a_sample(name, method)
        found = method.measure(self.items, self.targets)
        _check_measured(found)
        # What writes takes seconds for every row that it is compared on, and a base milliseconds.
        stated, n_validation = catalogue.capabilities(name), len(self.splits.validation)
        answering = found.seconds_per_answer * (n_validation + len(self.splits.test))
        fixed = EXPORT_SECONDS * self.clock.slowdown + found.seconds_fixed + answering
        is_open = method.get_params(deep=False).get("precision") == "auto" and not stated.writes
        int8 = found.seconds_per_answer * int8_answers(n_validation) if is_open else 0.0
        per_epoch = found.seconds_per_epoch
        if per_epoch and not stated.writes:  # Epochs are compared on the validation rows.
            per_epoch += found.seconds_per_answer * n_validation
        base = self._base_of(method)
        here = psutil.Process().memory_info().rss
        memory = max(found.memory_bytes, 0 if base is None else here + _export_bytes(base))
        measuring = seconds_to_measure(found.seconds_per_answer)
        if ANSWER_THEMSELVES.intersection(self.builder.decisions.ensembles):
            # They choose on the validation rows, and answer all rows as their members do.
            measuring += found.seconds_per_answer * (2 * n_validation + len(self.splits.test))
        return CandidateCost(fixed, memory, per_epoch, found.seconds_before, int8, measuring)

    def _timed_on_a_sample(self, name: str, method: Method) -> CandidateCost:
        """Fit two samples or three; what grew between the last two grows on to all rows and labels."""
        samples: list[Sample] = []
        try:
            timed = method.as_on_all(self.items, self.targets) if isinstance(method, TriesByWork) else method
            sizes = [*SAMPLE_ROWS, *([SAMPLE_OF_MANY] if len(self.items) >= MANY_ROWS else [])]
            for size, larger in zip(sizes, [*sizes[1:], None], strict=True):
                samples.append(self._fit_sample(timed, OVERDUE_ROWS if measuring_is_over() else size))
                if larger is None or size >= len(self.items):
                    break
                if not self._needs_another(samples[-1], timed, larger / size):
                    break
        except (MemoryError, SettingsError):
            raise
        except (Exception, SystemExit) as error:
            # A sample may lack what the whole has; if not, the fit on all rows reports it.
            self.builder.run.log(f"{name}: a fit on a sample raised {type(error).__name__}: {error}")
            if not samples:
                return CandidateCost()
        share = self._share_learned(timed)
        work, is_many = share * work_of(self.targets, timed), len(self.items) >= MANY_ROWS
        cost = cost_of_all(samples, work, power=POWER_BEYOND_CACHE if is_many else 0.0)
        cost = replace(cost, share_learned=share).beside(self._judged(samples))
        if not isinstance(method, StatesMemory):
            return cost
        here = psutil.Process().memory_info().rss
        return replace(cost, memory_bytes=here + method.memory_bytes(self.items, self.targets))

    def _share_learned(self, method: Method) -> float:
        if not isinstance(method, TriesByWork):
            return 1.0
        return max(1, method.n_learned(self.items, self.targets)) / len(self.items)

    def _judged(self, samples: Sequence[Sample]) -> float:
        """Give the seconds in which a candidate answers the validation and the test rows, and is measured."""
        labels = self.builder.decisions.task.labels
        each = seconds_per_answer(samples, len(labels))
        n_rows = len(self.splits.validation) + len(self.splits.test)
        return each * n_rows + seconds_to_measure(each, loading=0.0)

    def _needs_another(self, sample: Sample, method: Method, times: float) -> bool:
        """Whether a sample so many times as large is worth its time: there is time, and the cost of all rows matters."""
        longest = sample.seconds * times
        foretold = cost_of_all([sample], work_of(self.targets, method)).total()
        is_cheap = foretold < CHEAP_FRACTION * self.clock.budget_seconds
        return not (is_cheap or longest > LONGEST_SAMPLE_SECONDS or measuring_is_over())

    def _fit_sample(self, method: Method, size: int) -> Sample:
        step = max(1, len(self.items) // size)
        picked = range(0, len(self.items), step)
        items, targets = [self.items[index] for index in picked], [self.targets[index] for index in picked]
        process, start = psutil.Process(), time.perf_counter()
        before = process.memory_info().rss
        asked = items[:ANSWERED_ROWS]
        fitted = clone(method)
        fitted.fit(items, targets, validation=(asked, targets[:ANSWERED_ROWS]))
        end = time.perf_counter()
        fitted.predict(asked)
        each = (time.perf_counter() - end) / len(asked)
        held = process.memory_info().rss
        return Sample(work_of(targets, method), end - start, held, before, each, n_labels_of(targets))

    def _facts(self, candidates: Sequence[Planned]) -> dict[str, Any]:
        decisions = self.builder.decisions
        bases = {
            str(one.method.get_params(deep=False)["base"])
            for one in candidates
            if one.method is not None and one.needs_base
        }
        return {
            "cores": self.builder.settings.threads, "precision": decisions.precision,
            "language": decisions.language, "base": ", ".join(sorted(bases)) or "none",
        }  # fmt: skip


def _export_bytes(base: Base) -> int:
    """Give the memory that exporting what stands on a base takes besides what the process holds already."""
    weights = sum(file.stat().st_size for file in base.folder.glob("*.safetensors"))
    return EXPORT_COPIES * weights + LEFT_BYTES


def _upper_layers(base: Base | None) -> UpperLayers | None:
    """Give the upper third of a base's layers; None for a base that does not say how many it has."""
    layers = None if base is None else layers_of(base)
    if layers is None or layers < UPPER_SHARE_OF:
        return None
    upper = round(layers / UPPER_SHARE_OF)
    return UpperLayers(f"top:{upper}", upper / layers)


def _check_measured(found: MeasuredCost) -> None:
    """Raise `ValueError` for a cost that no plan can be made of; a plug-in's method may state anything."""
    seconds = (
        found.seconds_fixed,
        found.seconds_before,
        found.seconds_per_epoch,
        found.seconds_per_answer,
        found.memory_bytes,
    )
    if not all(math.isfinite(one) and one >= 0 for one in seconds):
        raise ValueError(f"measure() gave seconds or bytes that are negative or not finite: {seconds}")
