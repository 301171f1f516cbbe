"""Before training: the cost of each candidate on this machine, and what fits into the budget.

Costs are measured, not looked up: a base runs a few real batches of the real rows, a classical method a fit on a
sample. What cannot fit is dropped with a sentence. How many epochs a method gets that is fine-tuned is decided here, so
that the learning-rate schedule ends where the time does.
"""

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil
from sklearn.base import clone

from metier.bases.precision import trained_in
from metier.data import Splits
from metier.errors import MetierError, MissingExtraError, SettingsError
from metier.progress import Listener, Progress
from metier.selection.budget import Clock
from metier.selection.candidates import CandidateBuilder
from metier.selection.plan import OVERHEAD_SECONDS, Budget, CandidateCost, Plan, Planned, fit_into
from metier.tasks.method_contract import Measurable, Method, SuitsSomeRows

SAMPLE_ROWS = 200
# Probing, exporting and the equivalence check between INT8 and fp32 of a method that is fine-tuned, in seconds.
CLOSING_SECONDS = 20.0
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
            refit, facts = self._fit_into_budget(candidates), self._facts(candidates)
            kept = {one.name: one.facts() for one in candidates}
            run.write_json("plan.json", {"candidates": kept, "refit": refit, "facts": facts})
        else:
            refit, facts = before["refit"], before["facts"]
            for one in candidates:
                one.recall(before["candidates"].get(one.name, {}))
        for one in candidates:
            _set_epochs(one)
        return Plan(candidates, decisions.ensembles, refit, facts)

    def _planned(self, name: str) -> Planned:
        try:
            method = self.builder.build(name)
        except MissingExtraError as error:
            return Planned(name, why_dropped=str(error))
        # A method that pays on some rows only states it itself; where it is named it runs all the same.
        is_open = self.builder.settings.candidates is None and isinstance(method, SuitsSomeRows)
        why = (
            method.why_not(self.items, self.targets) if is_open and isinstance(method, SuitsSomeRows) else None
        )
        return Planned(name, method, needs_base="base" in method.get_params(deep=False), why_dropped=why)

    def _fit_into_budget(self, candidates: Sequence[Planned]) -> bool:
        memory = psutil.virtual_memory().available
        for one in candidates:
            if one.runs:
                self._estimate(one)
        left = self.clock.left_seconds - OVERHEAD_SECONDS
        growth = 1 + len(self.splits.validation) / max(1, len(self.items))
        return fit_into(
            Budget(self.clock.budget_seconds, left, memory, refit=self.builder.settings.refit, growth=growth),
            candidates,
        )

    def _estimate(self, one: Planned) -> None:
        """Measure what a candidate will take; one whose cost cannot be measured does not run."""
        assert one.method is not None  # Only what runs is measured.
        self.listener(Progress("plan: measuring a few batches", 0, None, unit=""))
        try:
            with trained_in(self.builder.decisions.precision):
                cost = self._cost(one.name, one.method)
        except SettingsError:
            raise
        except MemoryError:
            one.why_failed = OUT_OF_MEMORY
        except MetierError as error:
            one.why_failed = str(error)
        except (
            Exception
        ) as error:  # A bug in one method, ours or a plug-in's, must not cost the others their work.
            self.builder.run.log(f"{one.name} failed while its cost was measured:\n{traceback.format_exc()}")
            one.why_failed = f"a bug ({type(error).__name__}: {error}); see train.log"
        else:
            one.seconds, one.memory_bytes = cost.seconds, cost.memory_bytes
            one.seconds_per_epoch = cost.seconds_per_epoch

    def _cost(self, name: str, method: Method) -> CandidateCost:
        if not isinstance(method, Measurable):
            return self._timed_on_a_sample(name, method)
        found = method.measure(self.items, self.targets)
        # What writes takes seconds for every row that it is compared on.
        answering = found.seconds_per_answer * (len(self.splits.validation) + len(self.splits.test))
        closing = CLOSING_SECONDS if found.seconds_per_epoch else 0.0
        seconds = closing + found.seconds_before + answering
        return CandidateCost(seconds, found.memory_bytes, found.seconds_per_epoch)

    def _timed_on_a_sample(self, name: str, method: Method) -> CandidateCost:
        step = max(1, len(self.items) // SAMPLE_ROWS)
        picked = range(0, len(self.items), step)
        items, targets = [self.items[index] for index in picked], [self.targets[index] for index in picked]
        before, start = psutil.Process().memory_info().rss, time.perf_counter()
        try:
            clone(method).fit(items, targets, validation=(items[:50], targets[:50]))
        except (MemoryError, SettingsError):
            raise
        except (
            Exception
        ) as error:  # A sample may lack what the whole has; if not, the fit on all rows reports it.
            self.builder.run.log(f"{name}: a fit on a sample raised {type(error).__name__}: {error}")
            return CandidateCost()
        seconds, after = time.perf_counter() - start, psutil.Process().memory_info().rss
        scale = len(self.items) / len(items)
        return CandidateCost(seconds * scale, after + int(max(0, after - before) * scale))

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


def _set_epochs(one: Planned) -> None:
    """Give a method the epochs and the clock of the plan; a clock that the settings give it stays."""
    if one.method is None or one.epochs is None:
        return
    one.method.set_params(epochs=one.epochs)
    if one.method.get_params(deep=False).get("time_limit_minutes", 0) is None:
        one.method.set_params(time_limit_minutes=one.time_limit_minutes)
