"""Trains the candidates of a run on growing parts of its rows, for their learning curves.

Training rows are put into one order in which every beginning holds each label in its share and whole groups;
sizes are beginnings of it, so a larger one holds the smaller. Several orders make several draws. The
validation rows stay what they are, and scores are of the test rows, answered after every choice.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metier.data.strata import nested_order
from metier.evaluation.power_law import FEWEST_SIZES
from metier.progress import Progress
from metier.selection.scores import Scores
from metier.selection.studies.learning_curve import LearningCurve, curve_of
from metier.selection.studies.reruns import Rerun, Reruns

SIZES = 5
DRAWS = 3
# The smallest size is a sixteenth, unless that leaves less than this.
FEWEST_ROWS_A_LABEL = 2
FEWEST_ROWS = 32
# Sizes that span less than this say nothing of twice as many.
SMALLEST_SPAN = 4.0


def curve_sizes(n_rows: int, n_labels: int) -> list[int]:
    """Give the sizes of a curve, ascending: a sixteenth to all, doubling; closer where a sixteenth is too little.

    Returns
    -------
    list of int
        Only all rows where they are too few for a curve.
    """
    smallest = max(n_rows / 2 ** (SIZES - 1), FEWEST_ROWS_A_LABEL * n_labels, FEWEST_ROWS)
    if n_rows < smallest * SMALLEST_SPAN:
        return [n_rows]
    return [round(size) for size in np.geomspace(smallest, n_rows, SIZES)]


@dataclass
class Curves:
    """Trains the candidates of a run on growing parts of the rows, as far as the budget goes.

    Parameters
    ----------
    reruns : Reruns
        With the first comparison kept: it is the largest size.
    notes : list of str
        What did not fit or cannot be estimated, one sentence each.
    """

    reruns: Reruns
    notes: list[str] = field(default_factory=list)
    runs: dict[int, list[Rerun]] = field(default_factory=dict)

    @property
    def sizes(self) -> list[int]:
        """Rows at each size, ascending; the last is all of them."""
        comparison = self.reruns.comparison
        return curve_sizes(len(comparison.train), len(comparison.task.labels))

    def train(self, recommended: str, *, closing: float) -> None:
        """Train on every size; draw by draw, what is recommended and what is cheap first."""
        sizes = self.sizes
        self.runs = {size: [] for size in sizes}
        if len(sizes) < FEWEST_SIZES:
            return
        self.runs[sizes[-1]] = [self.reruns.first]
        kept = self._affordable(recommended, closing=closing)
        for draw in range(DRAWS):
            shares = sum(sizes[:-1]) / sizes[-1]
            fitting = [
                name for name in kept if self._is_there(draw, name)
                or self.reruns.fits(self.reruns.seconds[name] * shares, closing=closing)
            ]  # fmt: skip
            if fitting:
                self._draw(draw, fitting, closing=closing)

    def _affordable(self, recommended: str, *, closing: float) -> list[str]:
        """The candidates of which one draw fits: the parts of the recommended first, then the cheapest."""
        seconds, needed = self.reruns.seconds, self.reruns.comparison.models_of(recommended)
        shares = sum(self.sizes[:-1]) / self.sizes[-1]
        fractions = self.reruns.fractions
        whole = [name for name in seconds if fractions.get(name, 1.0) == 1]  # A curve ends at all rows.
        order = sorted(whole, key=lambda name: (name not in needed, seconds[name]))
        kept, spent = [], 0.0
        for name in order:
            needs = seconds[name] * shares
            if self._is_there(0, name) or self.reruns.fits(spent + needs, closing=closing):
                kept.append(name)
                spent += needs
            else:
                self.notes.append(
                    f"{name}: no learning curve, it would take about {needs:.0f} s more; "
                    "give more time with --budget"
                )
        return kept

    def _is_there(self, draw: int, name: str) -> bool:
        return all(self._run(draw, size).run.entry(name) is not None for size in self.sizes[:-1])

    def _run(self, draw: int, size: int) -> Rerun:
        label, comparison = f"rows-{size}-draw-{draw}", self.reruns.comparison
        if label in self.reruns.made:
            return self.reruns.made[label]
        seed = comparison.settings.random_state + draw
        order = nested_order(comparison.train, random_state=seed)
        return self.reruns.with_rows(label, comparison.train.take(np.sort(order[:size])), seed)

    def _draw(self, draw: int, names: list[str], *, closing: float) -> None:
        parts = self.sizes[:-1]
        for number, size in enumerate(parts):
            run = self._run(draw, size)
            done, total = draw * len(parts) + number, DRAWS * len(parts)
            self.reruns.comparison.listener(Progress("learning curve", done, total, unit="parts"))
            for name in names:
                run.run_one(name)
            run.build_ensembles_like_the_first(lambda seconds: self.reruns.fits(seconds, closing=closing))
            self.runs[size].append(run)

    def curves(self, test: Scores) -> list[LearningCurve]:
        """Give the curve of each candidate; called when the test rows are answered."""
        found = []
        for entry in self.reruns.comparison.trained:
            answers = {
                size: [run.answers(entry.name, "test").predicted for run in runs if _has(run, entry.name)]
                for size, runs in self.runs.items()
            }
            if len(self.sizes) >= FEWEST_SIZES and not any(answers[size] for size in self.sizes[:-1]):
                continue  # What did not fit is among the notes already.
            curve = curve_of(entry.name, test, answers)
            if len(curve.points) == 1 or len({value for point in curve.points for value in point.values}) > 1:
                found.append(curve)  # The baseline is left out: it learns nothing from rows.
        return found

    def facts(self, test: Scores) -> dict[str, Any]:
        """Give the curves for the report."""
        curves = self.curves(test)
        return {
            "metric": test.task.primary_metric,
            "split": "test",
            "sizes": self.sizes,
            "candidates": [one.as_dict() for one in curves],
            "notes": list(self.notes),
        }


def _has(run: Rerun, name: str) -> bool:
    return any(entry.name == name for entry in run.trained)
