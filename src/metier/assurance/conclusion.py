"""What the comparison of two sets of answers comes to: one is better, both are equivalent, or the rows cannot tell.

One is better where the test and the interval of the difference agree. They are equivalent where two one-sided tests [1]_
show that the difference is smaller than the tolerance on both sides: no difference shown is not yet equality. Anything
else the rows cannot tell, and the number of further rows that would is foretold as in `verdict`, for the nearer of both.

References
----------
.. [1] Schuirmann, "A comparison of the two one-sided tests procedure and the power approach", 1987.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from metier.assurance.verdict import AT_LEAST, AT_MOST, CANNOT_TELL, MOST_ROWS, PASS, judge
from metier.evaluation import equivalent, is_fraction
from metier.evaluation.comparison import A_IS_BETTER, B_IS_BETTER, NO_DIFFERENCE, Comparison
from metier.evaluation.figure import Figure
from metier.evaluation.groups import count_units
from metier.evaluation.intervals import Interval
from metier.selection.scores import Scores

EQUIVALENT = "equivalent"
OUTCOMES = (A_IS_BETTER, B_IS_BETTER, EQUIVALENT, CANNOT_TELL)


@dataclass(frozen=True)
class Conclusion:
    """What a comparison comes to.

    Parameters
    ----------
    outcome : {"a is better", "b is better", "equivalent", "cannot tell"}
    more_rows : int or None
        About how many further rows would tell, if the difference stayed as it is; None where none are needed, or no number
        would.
    tolerance : float
        The largest difference that counts as none, in the unit of the metric.
    is_within : bool
        Whether the difference is shown to be within the tolerance: one may be better by less than matters.
    within_low, within_high : float
        The interval whose ends are the bounds of the two one-sided tests.
    """

    outcome: str
    more_rows: int | None
    tolerance: float
    is_within: bool
    within_low: float
    within_high: float


def conclude(
    scores: Scores,
    metric: str,
    answers: tuple[list[object], list[object]],
    found: Comparison,
    *,
    tolerance: float,
    level: float = 0.95,
    exact: bool = True,
) -> Conclusion:
    """Say what the comparison of two sets of answers comes to.

    Parameters
    ----------
    found : Comparison
        Of the first (a) with the second (b); its p-value may be adjusted.
    tolerance : float
        The largest difference that counts as none: of a fraction as a fraction, of another metric as a share of the
        second's value.
    level : float
        1 - level is how often each verdict may be wrong, 0 to 1.
    exact : bool, default=True
        Whether the tests of equivalence are exact for the accuracy of single rows, which takes long for many pairs; else
        the ends of the bootstrap's interval are their bounds, as for every other metric.
    """
    allowed = tolerance if is_fraction(metric) else tolerance * abs(scores.measure(metric, answers[1]))
    units = count_units(scores.groups, len(scores.targets))
    is_exact = exact and metric == "accuracy" and scores.groups is None
    bounds = _exact(scores, answers, found, allowed, level) if is_exact else _narrower(found, units, level)
    is_within = -allowed < bounds.low and bounds.high < allowed
    if found.verdict != NO_DIFFERENCE:
        return Conclusion(found.verdict, None, allowed, is_within, bounds.low, bounds.high)
    if is_within:
        return Conclusion(EQUIVALENT, None, allowed, is_within, bounds.low, bounds.high)
    ways = (
        _rows_to_differ(found, units, level=level),
        _rows_to_be_within(bounds, allowed, units, level=2 * level - 1),
    )
    more = min((rows for rows in ways if rows is not None), default=None)
    return Conclusion(CANNOT_TELL, more, allowed, is_within, bounds.low, bounds.high)


def _exact(
    scores: Scores,
    answers: tuple[list[object], list[object]],
    found: Comparison,
    tolerance: float,
    level: float,
) -> Interval:
    """Give the bounds of two one-sided exact tests of accuracy."""
    correct = [np.asarray(scores.correct("accuracy", one), dtype=np.int64) for one in answers]
    truth = np.ones(len(correct[0]), dtype=np.int64)
    exact = equivalent(truth, correct[0], correct[1], margin=tolerance, level=level)
    return Interval(found.difference, exact.low, exact.high)


def _narrower(found: Comparison, units: int, level: float) -> Interval:
    """Give the interval whose ends are one-sided bounds at the level."""
    figure = Figure(found.difference, found.low, found.high, units, level, is_share=False)
    narrower = figure.at(2 * level - 1)
    assert narrower is not None  # It has ends.
    return narrower


def _rows_to_differ(found: Comparison, units: int, *, level: float) -> int | None:
    """Give about how many further rows would show the difference; none where there is none."""
    if found.difference == 0:
        return None
    figure = Figure(found.difference, found.low, found.high, units, level, is_share=False)
    by_interval = judge(figure, AT_LEAST, 0.0, level=level)
    if by_interval.outcome == CANNOT_TELL and by_interval.more_rows is None:
        return None
    observed = float(norm.isf(found.p_value / 2))
    if observed <= 0:
        return by_interval.more_rows
    by_test = units * (float(norm.isf((1 - level) / 2)) / observed) ** 2 - units
    needed = max(by_interval.more_rows or 0, math.ceil(by_test))
    return None if needed > MOST_ROWS else max(needed, 1)


def _rows_to_be_within(bounds: Interval, tolerance: float, units: int, *, level: float) -> int | None:
    """Give about how many further rows would show that the difference is within the tolerance; none where it is not."""
    if abs(bounds.value) >= tolerance:
        return None
    figure = Figure(bounds.value, bounds.low, bounds.high, units, level, is_share=False)
    sides = [
        judge(figure, sign, end, level=level) for sign, end in ((AT_LEAST, -tolerance), (AT_MOST, tolerance))
    ]
    open_sides = [one for one in sides if one.outcome != PASS]
    if any(one.more_rows is None for one in open_sides):
        return None
    return max((one.more_rows or 1 for one in open_sides), default=1)
