"""How far chance moves a candidate's figures: the same training with other seeds.

A seed decides the order of the batches, the start of a head, what dropout leaves out and what a sample holds.
The split is the same for all, so the spread is that of training alone; what another sample of test rows would
do is the interval's business. A single run tells two methods apart only where they differ by more than their
seeds do [1]_.

References
----------
.. [1] Reimers and Gurevych, "Reporting score distributions makes a difference", 2017.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metier.progress import Progress
from metier.selection.scores import Figures
from metier.selection.studies.reruns import ANSWERING_SECONDS, MARGIN, Rerun, Reruns, is_random

# With one figure there is no spread.
FEWEST_SEEDS = 2


@dataclass
class Seeds:
    """Trains every candidate with several seeds, as many as the budget holds, the cheapest first.

    Parameters
    ----------
    reruns : Reruns
        With the first race kept.
    asked : int
        Seeds in all, that of the first race included.
    said : list of str
        What did not fit, one sentence each.
    """

    reruns: Reruns
    asked: int
    said: list[str] = field(default_factory=list)

    @property
    def numbers(self) -> range:
        """The seeds: that of the settings, and those after it."""
        first = self.reruns.race.settings.random_state
        return range(first, first + self.asked)

    @property
    def runs(self) -> dict[int, Rerun]:
        """The race with each seed."""
        first, *others = self.numbers
        return {first: self.reruns.first} | {seed: self.reruns.with_seed(seed) for seed in others}

    def train(self, *, closing: float) -> None:
        """Train what fits, and say of the rest why not; `closing` seconds are left for the end of the run."""
        runs = self.runs
        for name, seconds in self.reruns.seconds.items():
            trained = [runs[self.numbers[0]]]
            for seed in self.numbers[1:]:
                if runs[seed].run.entry(name) is None and not self.reruns.fits(seconds, closing=closing):
                    break
                done, total = len(trained), self.asked
                self.reruns.race.listener(Progress(f"{name}: seeds", done, total, unit="seeds"))
                if is_random(runs[seed].methods[name]):
                    runs[seed].run_one(name)
                else:  # The same again, needed for the fusions that it is a part of.
                    runs[seed].adopt(name, self.reruns.first)
                trained.append(runs[seed])
            if len(trained) < self.asked:
                self.said.append(self._too_few(name, len(trained), seconds))
        for seed in self.numbers[1:]:
            runs[seed].fuse_like_the_first()

    def facts(self, test: Figures) -> dict[str, Any]:
        """Give the spread of each candidate, for the report; called when the test rows are answered."""
        race = self.reruns.race
        rows = [self._spread(entry.name, {"validation": race.figures, "test": test}) for entry in race.trained]
        return {
            "asked": self.asked,
            "seeds": list(self.numbers),
            "candidates": [row for row in rows if row is not None],
            "notes": list(self.said),
        }

    def _spread(self, name: str, figures: dict[str, Figures]) -> dict[str, Any] | None:
        runs = {
            seed: run for seed, run in self.runs.items() if any(entry.name == name for entry in run.trained)
        }
        if len(runs) < FEWEST_SEEDS:
            return None
        methods = self.reruns.plan.methods
        facts: dict[str, Any] = {
            "name": name,
            "seeds": list(runs),
            "is_random": is_random(methods[name]) if name in methods else True,
        }
        for split, held_against in figures.items():
            answers = [run.answered(name, split).predicted for run in runs.values()]
            facts[split] = {
                metric: spread_of([held_against.measure(metric, one) for one in answers])
                for metric in held_against.task.metrics
            }
        return facts

    def _too_few(self, name: str, trained: int, seconds: float) -> str:
        minutes = self._budget_for_all() / 60
        return (
            f"{name}: {trained} of {self.asked} seeds fit into the budget, each takes about {seconds:.0f} s; "
            f"for all of them give --budget {minutes:.0f}m"
        )

    def _budget_for_all(self) -> float:
        extra = sum(self.reruns.seconds.values()) * (self.asked - 1) * MARGIN
        return self.reruns.race.clock.budget_seconds + extra + 60


def spread_of(values: list[float]) -> dict[str, Any]:
    """Give mean, standard deviation (of the sample), least and most of the figures of several seeds."""
    return {
        "values": values,
        "mean": float(np.mean(values)),
        "sd": float(np.std(values, ddof=1)),
        "min": float(np.min(values)),
        "max": float(np.max(values)),
    }


def seeds_that_fit(seconds: dict[str, float], asked: int, left_seconds: float) -> dict[str, int]:
    """Give how many seeds of each candidate should fit, that of the race included, the cheapest first."""
    left, fitting = left_seconds, {}
    for name, each in sorted(seconds.items(), key=lambda pair: pair[1]):
        others = min(asked - 1, int(max(left, 0.0) / (each * MARGIN + ANSWERING_SECONDS)))
        left -= others * (each * MARGIN + ANSWERING_SECONDS)
        fitting[name] = others + 1
    return fitting
