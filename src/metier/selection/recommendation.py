"""Which candidate to ship: the cheapest that is tied with the best.

Decided on the validation rows only. A candidate is tied with the best when the paired test does not show it
to be worse and its score is within a tolerance of the best's: with few rows nothing is ever *shown* to be
worse, and without the second condition the baseline itself would be recommended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.evaluation import higher_is_better, is_fraction
from metier.evaluation.comparison import Comparison
from metier.evaluation.measure_table import metric_name
from metier.selection.scores import Scores

# Two costs within this ratio are the same cost: the better score decides, not the noise of the clock.
SAME_COST_RATIO = 1.15


@dataclass(frozen=True)
class Answered:
    """A candidate with what the decision needs.

    Parameters
    ----------
    name : str
        Versioned name.
    predicted : sequence
        Its answer to each validation row.
    latency_ms : float
        Mean time for one row.
    """

    name: str
    predicted: Sequence[Any]
    latency_ms: float


@dataclass(frozen=True)
class Recommendation:
    """What to ship, and why.

    Parameters
    ----------
    name, best : str
        The candidate to ship, and the one with the highest score.
    sentence : str
        The whole in one sentence.
    reasons : tuple of str
        What each other candidate lost by, one sentence each.
    """

    name: str
    best: str
    sentence: str
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return self.sentence


def recommend(
    candidates: Sequence[Answered],
    judge: Scores,
    *,
    tolerance: float = 0.01,
    details: Mapping[str, str] | None = None,
) -> Recommendation:
    """Pick the cheapest candidate that is tied with the best.

    Parameters
    ----------
    candidates : sequence of Answered
        At least one.
    judge : Scores
        The validation rows; candidates are ranked by the task's primary metric.
    tolerance : float
        How far below the best a candidate may score and still be tied: a difference of fractions, and for a
        metric that is none a share of the best's score.
    details : mapping of str to str
        A clause to add for a candidate when it is chosen.
    """
    metric = judge.task.primary_metric
    sign = 1.0 if higher_is_better(metric) else -1.0
    scores = {one.name: sign * judge.measure(metric, one.predicted) for one in candidates}
    best = max(candidates, key=lambda one: (scores[one.name], -one.latency_ms))
    against = {one.name: judge.compare(metric, one.predicted, best.predicted) for one in candidates}
    allowed = tolerance if is_fraction(metric) else tolerance * abs(scores[best.name])
    tied = [
        one
        for one in candidates
        if one is best
        or (against[one.name].verdict != "b is better" and scores[best.name] - scores[one.name] <= allowed)
    ]
    cheapest = min(one.latency_ms for one in tied)
    chosen = max(
        (one for one in tied if one.latency_ms <= cheapest * SAME_COST_RATIO), key=lambda one: scores[one.name]
    )
    sentence = _sentence(chosen, best, against[chosen.name], (details or {}).get(chosen.name))
    reasons = tuple(
        _reason(one, chosen, best, against[one.name], is_tied=one in tied, metric=metric)
        for one in candidates
        if one is not chosen
    )
    return Recommendation(chosen.name, best.name, sentence, reasons)


def _sentence(chosen: Answered, best: Answered, comparison: Comparison, detail: str | None) -> str:
    if chosen is best:
        words = "the best on validation, and nothing cheaper is statistically tied with it"
    else:
        words = (
            f"statistically tied with the best ({best.name}, p = {comparison.p_value:.2g}) "
            f"at {_cost(chosen.latency_ms / best.latency_ms)}"
        )
    return f"ship {chosen.name}: {words}" + (f"; {detail}" if detail else "")


def _reason(
    one: Answered,
    chosen: Answered,
    best: Answered,
    comparison: Comparison,
    *,
    is_tied: bool,
    metric: str,
) -> str:
    gap = abs(comparison.difference)
    points = f"{gap * 100:.1f} points" if is_fraction(metric) else f"{gap:.3g} in {metric_name(metric)}"
    if one is best:
        return f"{one.name} has the highest score, but {chosen.name} is statistically tied with it and cheaper."
    if is_tied:
        times = f"{one.latency_ms:.2g} ms against {chosen.latency_ms:.2g} ms"
        return f"{one.name} is statistically tied with the best too, but answers in {times}."
    if comparison.verdict == "b is better":
        shown = f"the paired test shows it (p = {comparison.p_value:.2g})"
        return f"{one.name} is {points} behind {best.name}, and {shown}."
    return f"{one.name} is {points} behind {best.name}: more than the tolerance, though no test shows it."


def _cost(ratio: float) -> str:
    """A share of a cost in words; measured times of the same thing differ by some hundredths."""
    if abs(np.log(ratio)) < 0.05:
        return "the same cost"
    names = {
        2: "half",
        3: "a third",
        4: "a quarter",
        5: "a fifth",
        6: "a sixth",
        7: "a seventh",
        8: "an eighth",
        10: "a tenth",
    }
    nearest = min(names, key=lambda parts: abs(np.log(ratio * parts)))
    if 0.08 < ratio < 0.6 and abs(np.log(ratio * nearest)) < 0.12:
        return f"{names[nearest]} of its cost"
    percent = ratio * 100
    return f"{percent:.0f} % of its cost" if percent >= 10 else f"{percent:.2g} % of its cost"
