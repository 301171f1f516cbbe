"""Variance of a candidate's scores over seeds.

A seed decides the order of the batches, the start of a head, what dropout leaves out and what a sample holds.
The split is the same for all, so the spread is that of training alone; what another sample of test rows would
do is the interval's business. A single run tells two methods apart only where they differ by more than their
seeds do [1]_.

References
----------
.. [1] Reimers and Gurevych, "Reporting score distributions makes a difference", 2017.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metier.progress import Progress
from metier.selection.scores import Scores
from metier.selection.studies.reruns import ANSWERING_SECONDS, MARGIN, Rerun, Reruns, is_random

# With one score there is no spread.
FEWEST_SEEDS = 2


@dataclass
class Seeds:
    """Trains every candidate with several seeds, as many as the budget holds, the cheapest first.

    Parameters
    ----------
    reruns : Reruns
        With the first comparison kept.
    asked : int
        Seeds in all, that of the first comparison included.
    notes : list of str
        What did not fit, one sentence each.
    """

    reruns: Reruns
    asked: int
    notes: list[str] = field(default_factory=list)

    @property
    def numbers(self) -> range:
        """The seeds: that of the settings, and those after it."""
        first = self.reruns.comparison.settings.random_state
        return range(first, first + self.asked)

    @property
    def runs(self) -> dict[int, Rerun]:
        """The comparison with each seed."""
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
                self.reruns.comparison.listener(Progress(f"{name}: seeds", done, total, unit="seeds"))
                if is_random(runs[seed].methods[name]):
                    runs[seed].run_one(name)
                else:  # The same again, needed for the ensembles that it is a part of.
                    runs[seed].adopt(name, self.reruns.first)
                trained.append(runs[seed])
            if len(trained) < self.asked:
                self.notes.append(self._too_few(name, len(trained), seconds))
        self._build_ensembles(runs, closing=closing)

    def _build_ensembles(self, runs: dict[int, Rerun], *, closing: float) -> None:
        left_out: Counter[str] = Counter()
        for seed in self.numbers[1:]:
            names = runs[seed].build_ensembles_like_the_first(
                lambda seconds: self.reruns.fits(seconds, closing=closing)
            )
            left_out.update(names)
        for entry in self.reruns.first.trained:
            if left_out[entry.name]:
                self.notes.append(
                    self._too_few(entry.name, self.asked - left_out[entry.name], entry.train_seconds)
                )

    def facts(self, test: Scores) -> dict[str, Any]:
        """Give the spread of each candidate, for the report; called when the test rows are answered."""
        comparison = self.reruns.comparison
        rows = [
            self._spread(entry.name, {"validation": comparison.scores, "test": test})
            for entry in comparison.trained
        ]
        return {
            "asked": self.asked,
            "seeds": list(self.numbers),
            "candidates": [row for row in rows if row is not None],
            "notes": list(self.notes),
        }

    def _spread(self, name: str, scores: dict[str, Scores]) -> dict[str, Any] | None:
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
        for split, judge in scores.items():
            answers = [run.answers(name, split).predicted for run in runs.values()]
            facts[split] = {
                metric: spread_of([judge.measure(metric, one) for one in answers]) for metric in judge.metrics
            }
        return facts

    def _too_few(self, name: str, trained: int, seconds: float) -> str:
        minutes = self._budget_for_all() / 60
        return (
            f"{name}: {trained} of {self.asked} seeds fit into the budget; each takes about {seconds:.0f} s; "
            f"for all of them give --budget {minutes:.0f}m"
        )

    def _budget_for_all(self) -> float:
        extra = self.reruns.seconds_in_all * (self.asked - 1) * MARGIN
        return self.reruns.comparison.clock.budget_seconds + extra + 60


def spread_of(values: list[float]) -> dict[str, Any]:
    """Give mean, standard deviation (of the sample), least and most of the scores of several seeds."""
    return {
        "values": values,
        "mean": float(np.mean(values)),
        "sd": float(np.std(values, ddof=1)),
        "min": float(np.min(values)),
        "max": float(np.max(values)),
    }


def seeds_that_fit(seconds: dict[str, float], asked: int, left_seconds: float) -> dict[str, int]:
    """Give how many seeds of each candidate should fit, that of the comparison included, the cheapest first."""
    left, fitting = left_seconds, {}
    for name, each in sorted(seconds.items(), key=lambda pair: pair[1]):
        others = min(asked - 1, int(max(left, 0.0) / (each * MARGIN + ANSWERING_SECONDS)))
        left -= others * (each * MARGIN + ANSWERING_SECONDS)
        fitting[name] = others + 1
    return fitting
