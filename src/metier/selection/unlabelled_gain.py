"""Whether a method gained from unlabelled rows or knowledge: the paired test against its counterpart decides.

A method that learns from unlabelled rows, or from a knowledge graph, is worth its cost only if the paired test on the
validation rows shows it to be better than the same method without them; otherwise the report states it, and it is not
shipped, neither alone nor as a member of an ensemble.
"""

from typing import Protocol

from metier.runs.run_folder import Entry, RunFolder
from metier.selection.rows.knowledge import learns_from_knowledge
from metier.selection.rows.unlabelled import counterpart_of, learns_from_unlabelled
from metier.selection.scores import Scores


class Compared(Protocol):
    """What of a comparison is looked at once its candidates are trained."""

    run: RunFolder

    @property
    def scores(self) -> Scores:
        """How answers to the validation rows are judged."""
        ...

    @property
    def trained(self) -> list[Entry]:
        """The candidates that can answer."""
        ...


def without_gain(compared: Compared) -> dict[str, str]:
    """Give, for each method that learned from unlabelled rows in vain, the sentence that reports it."""
    return {name: sentence for name, (gained, sentence) in _verdicts(compared).items() if not gained}


def gain_notes(compared: Compared) -> list[str]:
    """Give a sentence for each method that learned from unlabelled rows."""
    return [sentence for _, sentence in _verdicts(compared).values()]


def _verdicts(compared: Compared) -> dict[str, tuple[bool, str]]:
    trained = [entry.name for entry in compared.trained]
    learners = {name: _verdict(name, compared) for name in trained if learns_from_unlabelled(name)}
    return learners | {
        name: _knowledge_verdict(name, compared) for name in trained if learns_from_knowledge(name)
    }


def _knowledge_verdict(name: str, compared: Compared) -> tuple[bool, str]:
    """Compare a method with itself without the knowledge graph, on the validation rows."""
    counterpart = counterpart_of(name, compared.scores.task.name)
    if counterpart not in {entry.name for entry in compared.trained}:
        return (
            False,
            f"{name}: {counterpart} was not trained, so it cannot be shown that the knowledge graph helps",
        )
    better, points = _compared(name, counterpart, compared)
    if better:
        return True, f"the knowledge graph helped: {name} beats {counterpart} on validation ({points})"
    return False, (
        f"the knowledge graph was no help to {name}: the paired test on validation does not show it to be better than "
        f"{counterpart} ({points}), so it is not shipped"
    )


def _verdict(name: str, compared: Compared) -> tuple[bool, str]:
    """Compare a method with its supervised counterpart on the validation rows."""
    counterpart = counterpart_of(name, compared.scores.task.name)
    if counterpart not in {entry.name for entry in compared.trained}:
        return False, (
            f"{name}: its supervised counterpart {counterpart} was not trained, so it cannot be shown that unlabelled "
            "rows help"
        )
    better, points = _compared(name, counterpart, compared)
    if better:
        return True, (
            f"unlabelled rows helped: {name} beats its supervised counterpart {counterpart} on validation ({points})"
        )
    return False, (
        f"unlabelled rows were no help to {name}: the paired test on validation does not show it to be better "
        f"than its supervised counterpart {counterpart} ({points}), so it is not shipped"
    )


def _compared(name: str, counterpart: str, compared: Compared) -> tuple[bool, str]:
    """Give whether the paired test shows a method to be better than another, and by how much."""
    metric = compared.scores.task.primary_metric
    answers = [compared.run.answers(one, "validation").predicted for one in (name, counterpart)]
    found = compared.scores.compare(metric, *answers)
    points = f"{100 * found.difference:+.1f} points of {metric.replace('_', ' ')}, p = {found.p_value:.2g}"
    return found.verdict == "a is better", points
