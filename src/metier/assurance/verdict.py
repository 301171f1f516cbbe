"""The three verdicts about a condition on a figure: it passes, it fails, or the rows cannot tell.

A condition passes when the whole interval of the figure keeps it, and fails when the whole interval breaks it. Between
them the rows cannot tell, and the number of further rows that would is foretold: an interval narrows with the root of
the rows, so it must narrow to the distance between value and threshold.
"""

import math
from dataclasses import dataclass

from metier.evaluation.figure import Figure

PASS, FAIL, CANNOT_TELL = "pass", "fail", "cannot tell"
MOST_ROWS = 10_000_000  # More would be needed: the value stands at the threshold.
AT_LEAST, AT_MOST = ">=", "<="


@dataclass(frozen=True)
class Verdict:
    """What the rows say about a condition.

    Parameters
    ----------
    outcome : {"pass", "fail", "cannot tell"}
    low, high : float or None
        The interval that was judged.
    more_rows : int or None
        About how many further rows would tell; None where none are needed, or no number would.
    """

    outcome: str
    low: float | None
    high: float | None
    more_rows: int | None = None


def judge(figure: Figure, sign: str, threshold: float, *, level: float) -> Verdict:
    """Judge a condition `figure >= threshold` or `figure <= threshold`.

    Parameters
    ----------
    sign : {">=", "<="}
    level : float
        Confidence level of the interval, 0 to 1: of 1 - level the verdict "pass" or "fail" is wrong at most.
    """
    found = figure.at(level)
    if found is None or math.isnan(figure.value):
        return Verdict(CANNOT_TELL, None, None)
    keeps = found.low >= threshold if sign == AT_LEAST else found.high <= threshold
    breaks = found.high < threshold if sign == AT_LEAST else found.low > threshold
    if keeps or breaks:
        return Verdict(PASS if keeps else FAIL, found.low, found.high)
    return Verdict(CANNOT_TELL, found.low, found.high, _more_rows(figure, threshold, level=level))


def judge_end(figure: Figure, end: str, sign: str, threshold: float, *, level: float) -> Verdict:
    """Judge a condition on one end of the interval itself, as in `accuracy.low >= 0.92`.

    It fails where the value breaks it too, as no end would then move far enough; otherwise more rows may tell.
    """
    found = figure.at(level)
    if found is None or math.isnan(figure.value):
        return Verdict(CANNOT_TELL, None, None)
    asked = found.low if end == "low" else found.high
    if _keeps(asked, sign, threshold):
        return Verdict(PASS, found.low, found.high)
    if not _keeps(figure.value, sign, threshold):
        return Verdict(FAIL, found.low, found.high)
    return Verdict(CANNOT_TELL, found.low, found.high, _more_rows(figure, threshold, level=level))


def _keeps(value: float, sign: str, threshold: float) -> bool:
    return value >= threshold if sign == AT_LEAST else value <= threshold


def _more_rows(figure: Figure, threshold: float, *, level: float) -> int | None:
    """Give about how many further rows would tell, if the value stayed as it is."""
    gap = abs(figure.value - threshold)
    if not figure.rows or gap == 0:
        return None
    if figure.hits is not None:
        return _more_of_share(figure, threshold, level=level)
    found = figure.at(level)
    assert found is not None  # `judge` asks only where there is one.
    reach = found.high - figure.value if figure.value < threshold else figure.value - found.low
    needed = figure.rows * (reach / gap) ** 2
    return None if needed > MOST_ROWS else max(1, math.ceil(needed) - figure.rows)


def _more_of_share(figure: Figure, threshold: float, *, level: float) -> int | None:
    """Double the rows until the exact interval of the same share is clear of the threshold, then halve the step."""
    low, high = figure.rows, 2 * figure.rows
    while not _tells(figure.value, high, threshold, level):
        low, high = high, 2 * high
        if high > MOST_ROWS:
            return None
    while high - low > max(1, low // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if _tells(figure.value, middle, threshold, level) else (middle, high)
    return high - figure.rows


def _tells(share: float, rows: int, threshold: float, level: float) -> bool:
    found = Figure.of_share(round(share * rows), rows).at(level)
    assert found is not None  # A share of rows has one.
    return found.low >= threshold or found.high <= threshold
