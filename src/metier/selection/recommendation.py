"""Which candidate to ship: the cheapest that is not shown to be worse than the best, and close to it.

Decided on the validation rows, and where these are few on training rows answered out of fold, too; the test rows decide
nothing. A candidate is in question when the paired test does not show it to be worse than the best and its score is
within a tolerance of the best's: with few rows nothing is ever *shown* to be worse, and without the second condition the
baseline itself would be recommended. It is called tied with the best only where there is little chance that it is worse
by more than the tolerance; else it is called cheaper and not shown to be worse, which is all that the rows say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from metier.evaluation import higher_is_better, is_fraction
from metier.evaluation.choice_margins import SAME_COST_RATIO, TIED_BELOW
from metier.evaluation.many_comparisons import Against
from metier.evaluation.measure_table import metric_name
from metier.figures import count_of
from metier.selection.scores import Scores


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
    out_of_fold : sequence or None
        Its answers to training rows that its models did not see.
    """

    name: str
    predicted: Sequence[Any]
    latency_ms: float
    out_of_fold: Sequence[Any] | None = None


@dataclass(frozen=True)
class Evidence:
    """The rows that candidates are compared on: validation rows, and training rows that some answered out of fold.

    Two candidates are compared on the rows that both answered.

    Parameters
    ----------
    validation : Scores
    out_of_fold : Scores or None
    measured_by : str or None
        What they are compared in; None: the task's primary metric.
    """

    validation: Scores
    out_of_fold: Scores | None = None
    measured_by: str | None = None

    @property
    def metric(self) -> str:
        """What candidates are compared in."""
        return self.measured_by or self.validation.task.primary_metric

    def scores(self, candidates: Sequence[Answered]) -> dict[str, float]:
        """Give the score of each candidate, more being better.

        One that answered the validation rows alone has the score of the best that answered all, and what it is ahead
        on the validation rows: rows that are easier for one are easier for the other.
        """
        metric = self.metric
        sign = 1.0 if higher_is_better(metric) else -1.0
        few = {one.name: sign * self.validation.measure(metric, one.predicted) for one in candidates}
        all_rows = {name: sign * score for name, score in self.scores_on_all(candidates).items()}
        if not all_rows:
            return few
        best = max(all_rows, key=lambda name: all_rows[name])
        return {name: all_rows.get(name, all_rows[best] + few[name] - few[best]) for name in few}

    def scores_on_all(self, candidates: Sequence[Answered]) -> dict[str, float]:
        """Give the metric on all rows of each candidate that answered all."""
        metric, judge = self.metric, self._of_all
        return {name: judge.measure(metric, given) for name, given in self._wide(candidates).items()}

    def against(self, candidates: Sequence[Answered], best: Answered, tolerance: float) -> dict[str, Against]:
        """Compare each other candidate with the best, adjusted for their number."""
        metric = self.metric
        wide = self._wide(candidates) if best.out_of_fold is not None else {}
        few = {one.name: one.predicted for one in candidates if one is best or one.name not in wide}
        found = self.validation.against_best(metric, few, best.name, tolerance) if len(few) > 1 else {}
        if len(wide) > 1:
            found |= self._of_all.against_best(metric, wide, best.name, tolerance)
        return found

    def n_rows(self, *candidates: Answered) -> dict[str, int]:
        """Count the rows that some candidates are compared on."""
        found = {"validation": len(self.validation.targets), "out_of_fold": 0}
        if self.out_of_fold is None or any(one.out_of_fold is None for one in candidates):
            return found
        return found | {"out_of_fold": len(self.out_of_fold.targets)}

    def rows(self, *candidates: Answered) -> str:
        """Say which rows some candidates are compared on."""
        found = self.n_rows(*candidates)
        further = f" and {found['out_of_fold']:,} out-of-fold" if found["out_of_fold"] else ""
        return f"{count_of(found['validation'], 'validation row')}{further}"

    @property
    def _of_all(self) -> Scores:
        return self.validation if self.out_of_fold is None else self.validation.joined(self.out_of_fold)

    def _wide(self, candidates: Sequence[Answered]) -> dict[str, list[Any]]:
        if self.out_of_fold is None:
            return {}
        return {
            one.name: [*one.predicted, *one.out_of_fold] for one in candidates if one.out_of_fold is not None
        }


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
    rows : dict of str to int
        How many rows the two were compared on: `validation` and `out_of_fold`.
    against : Against or None
        The candidate to ship compared with the best; None where it is the best.
    scores : dict of str to float
        The score of each candidate that answered training rows out of fold, on these and the validation rows.
    others : dict of str to Against
        Every candidate but the best, compared with it.
    """

    name: str
    best: str
    sentence: str
    reasons: tuple[str, ...]
    rows: dict[str, int] = field(default_factory=dict)
    against: Against | None = None
    scores: dict[str, float] = field(default_factory=dict)
    others: dict[str, Against] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.sentence


def recommend(
    candidates: Sequence[Answered],
    evidence: Evidence | Scores,
    *,
    tolerance: float = 0.01,
    details: Mapping[str, str] | None = None,
) -> Recommendation:
    """Pick the cheapest candidate that is close to the best and not shown to be worse.

    Parameters
    ----------
    candidates : sequence of Answered
        At least one.
    evidence : Evidence or Scores
        The rows that they are compared on; candidates are ranked by the task's primary metric.
    tolerance : float
        How far below the best a candidate may score: a difference of fractions, and for a metric that is none a share
        of the best's score.
    details : mapping of str to str
        A clause to add for a candidate when it is chosen.
    """
    evidence = Evidence(evidence) if isinstance(evidence, Scores) else evidence
    scores = evidence.scores(candidates)
    best = max(candidates, key=lambda one: (scores[one.name], -one.latency_ms))
    metric = evidence.metric
    allowed = tolerance if is_fraction(metric) else tolerance * abs(scores[best.name])
    against = evidence.against(candidates, best, allowed)
    close = [
        one
        for one in candidates
        if one is best
        or (
            against[one.name].verdict != "b is better"
            and scores[best.name] - scores[one.name] <= allowed + 1e-12
        )
    ]
    cheapest = min(one.latency_ms for one in close)
    chosen = max(
        (one for one in close if one.latency_ms <= cheapest * SAME_COST_RATIO), key=lambda one: scores[one.name]
    )
    words = _Words(metric, allowed, best, chosen)
    sentence = words.sentence(against.get(chosen.name), evidence.rows(chosen, best))
    detail = (details or {}).get(chosen.name)
    reasons = tuple(
        words.reason(one, against.get(one.name), is_close=one in close)
        for one in candidates
        if one is not chosen
    )
    return Recommendation(
        chosen.name,
        best.name,
        sentence + (f"; {detail}" if detail else ""),
        reasons,
        evidence.n_rows(chosen, best),
        against.get(chosen.name),
        evidence.scores_on_all(candidates),
        against,
    )


@dataclass(frozen=True)
class _Words:
    """How a recommendation is put.

    Parameters
    ----------
    metric : str
    allowed : float
        How far below the best a candidate may score.
    best, chosen : Answered
    """

    metric: str
    allowed: float
    best: Answered
    chosen: Answered

    def sentence(self, against: Against | None, rows: str) -> str:
        start = f"ship {self.chosen.name}: "
        if against is None:
            return f"{start}the best on {rows}, and nothing cheaper is close enough to it"
        # No share of it: a refit is measured again, and the report has those figures.
        is_cheaper = self.chosen.latency_ms * SAME_COST_RATIO < self.best.latency_ms
        standing = "tied with" if against.chance_worse < TIED_BELOW else "not shown to be worse than"
        behind = f"{self.gap(against)} behind on {rows}, with {self.chance(against)}"
        cost = "and cheaper" if is_cheaper else "at the same cost"
        return f"{start}{standing} the best ({self.best.name}), {cost}: {behind}"

    def reason(self, one: Answered, against: Against | None, *, is_close: bool) -> str:
        if against is None:
            return f"{one.name} has the highest score, but {self.chosen.name} is close to it and cheaper."
        if is_close:
            return f"{one.name} is close to the best too, but {self.chosen.name} is cheaper or better."
        gap = f"{one.name} is {self.gap(against)} behind {self.best.name}"
        if against.verdict == "b is better":
            return f"{gap}, and the paired test shows it (p = {against.p_value:.2g})."
        return f"{gap}: more than the tolerance, though no test shows it."

    def gap(self, against: Against) -> str:
        """How far it is behind the best, with the interval, as people read them."""
        ends = sorted(
            (-against.low, -against.high) if higher_is_better(self.metric) else (against.low, against.high)
        )
        middle = -against.difference if higher_is_better(self.metric) else against.difference
        if is_fraction(self.metric):
            # No "-0.0" of what is rounded to nothing.
            low, middle, high = (round(100 * number, 1) + 0.0 for number in (ends[0], middle, ends[1]))
            return f"{middle:.1f} points [{low:.1f}, {high:.1f}]"
        return f"{middle:.3g} in {metric_name(self.metric)} [{ends[0]:.3g}, {ends[1]:.3g}]"

    def chance(self, against: Against) -> str:
        """The chance that it is worse by more than the tolerance."""
        percent = 100 * against.chance_worse
        share = "under 1 %" if percent < 1 else f"{percent:.0f} %"
        much = f"{_points(self.allowed)}" if is_fraction(self.metric) else f"{self.allowed:.2g}"
        return f"a chance of {share} that it is more than {much} worse"


def _points(fraction: float) -> str:
    """Write a difference of fractions: `1 point`, `0.5 points`."""
    number = f"{100 * fraction:g}"
    return f"{number} {'point' if number == '1' else 'points'}"
