"""The release gate: every condition of a policy judged on labelled rows, with one error budget for all of them.

Each of k conditions on figures that are drawn from rows is judged by an interval of level 1 - (1 - level) / k (Bonferroni):
with the probability of the policy's level none of its verdicts "pass" and "fail" is wrong. A cost is counted, not drawn,
and takes no part of the budget. Against the bundle that answers today the answers to the same rows are compared in pairs.
"""

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metier.assurance.conditions import LIVE, OVERALL, Condition
from metier.assurance.figure_sources import SOURCES
from metier.assurance.figures.of_slices import FEWEST_ROWS, PREFIX
from metier.assurance.figures.source import FigureSource
from metier.assurance.forgetting.result import Forgotten
from metier.assurance.golden_rows import GoldenRow, wrong_rows
from metier.assurance.policy import BLOCKER, Demand, Policy
from metier.assurance.subject import Subject
from metier.assurance.verdict import AT_LEAST, CANNOT_TELL, FAIL, PASS, Verdict, judge, judge_end
from metier.errors import CallError, quoted, suggest
from metier.evaluation.figure import Figure
from metier.evaluation.independent import difference_of_independent
from metier.evaluation.intervals import Interval
from metier.selection.labelled_rows import LabelledRows

WAIVED = "waived"
SHOWN_NAMES = 12


@dataclass(frozen=True)
class Judged:
    """A condition with what the rows say about it.

    Parameters
    ----------
    demand : Demand
    figure : Figure
        What was measured; in relation to another figure, the difference.
    verdict : Verdict
    is_waived : bool
        Whether a waiver holds today.
    """

    demand: Demand
    figure: Figure
    verdict: Verdict
    is_waived: bool

    @property
    def blocks(self) -> bool:
        """Whether it keeps the bundle from going live where it fails."""
        return self.demand.severity == BLOCKER and not self.is_waived

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON."""
        condition, waiver = self.demand.condition, self.demand.waiver
        return {
            "condition": condition.text,
            "figure": condition.figure,
            "difference_from": condition.other,
            "severity": self.demand.severity,
            "why": self.demand.why,
            "verdict": self.verdict.outcome,
            "value": None if math.isnan(self.figure.value) else self.figure.value,
            "low": self.verdict.low,
            "high": self.verdict.high,
            "rows": self.figure.rows,
            "is_share": self.figure.is_share,
            "more_rows": self.verdict.more_rows,
            "is_waived": self.is_waived,
            "waiver": None
            if waiver is None
            else {"who": waiver.who, "why": waiver.why, "until": waiver.until.isoformat()},
        }


@dataclass(frozen=True)
class GateResult:
    """What the gate says.

    Parameters
    ----------
    policy : Policy
    judged : tuple of Judged
    level : float
        Of the interval of each condition.
    golden : int or None
        Golden rows that were asked; None: the policy has none.
    wrong : tuple of GoldenRow
        Those that were answered wrong.
    forgotten : Forgotten or None
        What the bundle has lost that the live one knows; None: the policy does not ask.
    """

    policy: Policy
    judged: tuple[Judged, ...]
    level: float
    golden: int | None
    wrong: tuple[GoldenRow, ...]
    forgotten: Forgotten | None = None

    @property
    def outcome(self) -> str:
        """Pass, fail or cannot tell: the worst of the conditions that block, and of what was forgotten."""
        own = self._of_conditions
        found = {own} if self.forgotten is None else {own, self.forgotten.outcome}
        return FAIL if FAIL in found else CANNOT_TELL if CANNOT_TELL in found else PASS

    @property
    def _of_conditions(self) -> str:
        found = [one.verdict.outcome for one in self.judged if one.blocks]
        if self.wrong or FAIL in found:
            return FAIL
        return CANNOT_TELL if CANNOT_TELL in found else PASS

    @property
    def may_go_live(self) -> bool:
        """Whether the policy lets the bundle go live."""
        own = self._of_conditions
        is_kept = self.forgotten is None or self.forgotten.may_go_live
        return is_kept and (own == PASS or (own == CANNOT_TELL and not self.policy.cannot_tell_blocks))

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON and for the manifest of the bundle."""
        return {
            "verdict": self.outcome,
            "may_go_live": self.may_go_live,
            "policy": {"file": self.policy.path.name, "sha256": self.policy.sha256, "level": self.policy.level},
            "level_of_each": self.level,
            "conditions": [one.as_dict() for one in self.judged],
            "golden": None
            if self.golden is None
            else {"rows": self.golden, "wrong": [one.as_dict() for one in self.wrong]},
            "forgetting": None if self.forgotten is None else self.forgotten.as_dict(),
        }


def check_policy(policy: Policy, subject: Subject | None, *, has_live: bool) -> None:
    """Check before any work that every condition can be judged on these rows.

    Raises
    ------
    CallError
        If a figure is unknown, rows or the live bundle are missing, or no rows could ever decide a condition.
    """
    if policy.needs_live and not has_live:
        asking = next(
            (one.condition.text for one in policy.demands if one.condition.other == LIVE), "what was forgotten"
        )
        raise CallError(
            f"{policy.path} asks for {asking}, and no bundle is named that answers today. Name it with --live, or as "
            "live in the policy."
        )
    if (policy.demands or policy.forgetting) and subject is None:
        raise CallError(
            f"{policy.path} has conditions, and no labelled rows to measure on. Name rows that the bundle was not "
            "trained on, with --rows or as rows in the policy."
        )
    if subject is not None:
        for demand in policy.demands:
            _check(demand.condition, subject, str(policy.path))


def run_gate(
    policy: Policy,
    subject: Subject | None,
    *,
    live: Subject | None = None,
    golden: tuple[Any, LabelledRows] | None = None,
    forgotten: Forgotten | None = None,
    today: dt.date | None = None,
) -> GateResult:
    """Judge every condition of a policy.

    Parameters
    ----------
    policy : Policy
        Checked by `check_policy`.
    subject : Subject or None
        The bundle with labelled rows; None where the policy has no conditions.
    live : Subject, optional
        The bundle that answers today, with the same rows.
    golden : tuple of Model and LabelledRows, optional
        Rows that must be answered right.
    forgotten : Forgotten, optional
        What the bundle has lost, where the policy asks.
    today : date, optional
        For waivers; None: the day it is, in UTC.
    """
    day = today or dt.datetime.now(dt.UTC).date()
    measured = (
        []
        if subject is None
        else [(demand, _measured(demand.condition, subject, live)) for demand in policy.demands]
    )
    drawn = sum(bool(figure.rows) for _, figure in measured)
    level = 1 - (1 - policy.level) / max(1, drawn)
    judged = tuple(
        Judged(
            demand,
            figure,
            _verdict(demand.condition, figure, level=level, policy_level=policy.level),
            demand.waiver is not None and demand.waiver.holds(day),
        )
        for demand, figure in measured
    )
    wrong = () if golden is None else wrong_rows(*golden)
    n_golden = None if golden is None else len(golden[1].rows)
    return GateResult(policy, judged, level, n_golden, wrong, forgotten)


def known_figures(subject: Subject) -> list[str]:
    """Give the names of all figures that a policy may ask for."""
    return [name for source in SOURCES for name in source.names(subject)]


def figure_named(subject: Subject, name: str) -> Figure:
    """Measure a figure by its name; raises `CallError` where there is none of that name."""
    return _source_of(subject, name, origin=str(subject.bundle.folder or subject.bundle.name)).measure(
        subject, name
    )


def _check(condition: Condition, subject: Subject, origin: str) -> None:
    source = _source_of(subject, condition.figure, origin=f"{origin}, {condition.text}")
    if condition.other == OVERALL and not condition.figure.startswith(PREFIX):
        raise CallError(
            f"{origin} asks for {condition.text}, but {condition.figure} is of all rows already. Only the figure of a "
            f"part is held against {OVERALL}, as in slice.language=zh.accuracy >= 0.9 * overall."
        )
    if condition.other is None and source.is_share(subject, condition.figure):
        _check_share(condition, origin)


def _check_share(condition: Condition, origin: str) -> None:
    """Refuse thresholds that no number of rows could show to be kept, or that every share keeps."""
    at, up = condition.added, condition.sign == AT_LEAST
    if not 0 <= at <= 1:
        raise CallError(f"{origin} asks for {condition.text}, but a share lies between 0 and 1: 92 % is 0.92.")
    if at == (1 if up else 0):
        raise CallError(
            f"{origin} asks for {condition.text}, which no rows can show: others could still be wrong. Ask for less, or "
            "name the rows that must be right as golden rows."
        )


def _source_of(subject: Subject, name: str, *, origin: str) -> FigureSource:
    for source in SOURCES:
        if name in set(source.names(subject)):
            return source
    _check_part(subject, name, origin)
    names = known_figures(subject)
    shown = ", ".join([*names[:SHOWN_NAMES], *(["…"] if len(names) > SHOWN_NAMES else [])])
    raise CallError(
        f"{origin}: there is no figure {quoted(name)} of {subject.bundle.name} on {subject.given.rows.origin}."
        f"{suggest(name, names)} Known are {shown} (all with: metier gate BUNDLE --list)."
    )


def _check_part(subject: Subject, name: str, origin: str) -> None:
    """Refuse the figure of a part that is there, and has too few rows."""
    part = subject.slices.get(name.removeprefix(PREFIX).rpartition(".")[0]) if name.startswith(PREFIX) else None
    if part is not None and len(part.rows) < FEWEST_ROWS:
        raise CallError(
            f"{origin}: of {name.removeprefix(PREFIX).rpartition('.')[0]} there is one row, which shows nothing. Give more "
            "such rows, or leave the condition out."
        )


def _measured(condition: Condition, subject: Subject, live: Subject | None) -> Figure:
    figure = figure_named(subject, condition.figure)
    if condition.other is None:
        return figure
    if condition.other == OVERALL:
        whole = figure_named(subject, condition.figure.rpartition(".")[2])
        return _difference(figure, whole, condition.factor)
    assert live is not None  # `check_policy` asked for it.
    metrics = subject.given.scores.metrics
    if condition.figure in metrics and condition.factor == 1:
        return _paired(condition.figure, figure, subject, live)
    return _difference(figure, figure_named(live, condition.figure), condition.factor)


def _paired(metric: str, figure: Figure, subject: Subject, live: Subject) -> Figure:
    """Give how far the bundle is from the live one on the same rows."""
    answers = subject.answered.predicted, live.answered.predicted

    def measured(level: float) -> Interval:
        found = subject.given.scores.compare(metric, *answers, level=level)
        return Interval(found.difference, found.low, found.high)

    found = measured(figure.level)
    return Figure(found.value, found.low, found.high, figure.rows, is_share=False, measured=measured)


def _difference(figure: Figure, other: Figure, factor: float) -> Figure:
    """Give figure - factor * other as if both were drawn independently: for a part and its whole this is too wide."""

    def measured(level: float) -> Interval:
        first, second = figure.at(level), other.at(level)
        if first is None or second is None:
            return Interval(float("nan"), float("nan"), float("nan"))
        scaled = Interval(factor * second.value, factor * second.low, factor * second.high)
        return difference_of_independent(first, scaled)

    found = measured(figure.level)
    return Figure(found.value, found.low, found.high, figure.rows, is_share=False, measured=measured)


def _verdict(condition: Condition, figure: Figure, *, level: float, policy_level: float) -> Verdict:
    if condition.end is not None:
        return judge_end(figure, condition.end, condition.sign, condition.added, level=policy_level)
    return judge(figure, condition.sign, condition.added, level=level)


def outcomes(judged: Sequence[Judged]) -> Mapping[str, int]:
    """Count the verdicts, those that are waived apart."""
    found: Iterable[str] = (WAIVED if one.is_waived else one.verdict.outcome for one in judged)
    counts: dict[str, int] = {}
    for one in found:
        counts[one] = counts.get(one, 0) + 1
    return counts
