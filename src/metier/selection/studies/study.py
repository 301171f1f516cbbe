"""What a run finds out besides the comparison when it is asked to: the spread over seeds, and learning curves.

Both train candidates again, after the choice is made and what ships is trained; both take the time that is
left of the budget, and say what did not fit.
"""

from dataclasses import dataclass
from typing import Any, Self

from metier.data.rows import Rows
from metier.selection.candidate_cost import SAFETY
from metier.selection.comparison import Comparison
from metier.selection.plan import Plan
from metier.selection.settings import TrainSettings
from metier.selection.studies.growing_rows import Curves
from metier.selection.studies.reruns import Reruns
from metier.selection.studies.seeds import Seeds, seeds_that_fit


@dataclass
class Study:
    """The trainings of a run that decide nothing.

    Parameters
    ----------
    reruns : Reruns
    seeds : Seeds or None
    curves : Curves or None
    """

    reruns: Reruns
    seeds: Seeds | None = None
    curves: Curves | None = None

    @classmethod
    def begin(cls, comparison: Comparison, plan: Plan) -> Self:
        """Keep what the comparison trained, where it is asked about; called before a refit."""
        settings, reruns = comparison.settings, Reruns(comparison, plan)
        if settings.seeds > 1 or settings.learning_curve:
            reruns.keep_first()
        return cls(
            reruns,
            Seeds(reruns, settings.seeds) if settings.seeds > 1 else None,
            Curves(reruns) if settings.learning_curve else None,
        )

    def train(self, recommended: str, *, closing: float) -> None:
        """Train what fits; `closing` seconds are left for the end of the run."""
        if self.seeds is not None:
            self.seeds.train(closing=closing)
        if self.curves is not None:
            self.curves.train(recommended, closing=closing)

    def facts(self, test: Rows) -> dict[str, Any]:
        """Let the reruns answer the test rows, once, and give what the report says of them."""
        task = self.reruns.comparison.task
        self.reruns.answer(task.items(test))
        judge = self.reruns.comparison.scores_on(test, origin="The test rows")
        facts = {
            "seeds": self.seeds.facts(judge) if self.seeds else None,
            "learning_curve": self.curves.facts(judge) if self.curves else None,
        }
        self.reruns.close()
        return facts


def foreseen(plan: Plan, settings: TrainSettings, left_seconds: float) -> list[str]:
    """Tell before anything is trained how many seeds should fit into the budget; nothing where one is asked for."""
    if settings.seeds < 2:
        return []
    running = {one.name: one.seconds for one in plan.candidates if one.runs}
    once = sum(running.values()) * SAFETY * (2 if plan.refit else 1)
    fitting = seeds_that_fit(running, settings.seeds, left_seconds - once)
    few = [f"{name} ({number})" for name, number in fitting.items() if number < settings.seeds]
    if not few:
        return [f"seeds  {settings.seeds} of every candidate should fit"]
    return [
        f"seeds  {settings.seeds} of every candidate should fit, but fewer of {', '.join(few)}; "
        "more time with --budget"
    ]
