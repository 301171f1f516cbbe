"""Parity between groups of rows: accuracy, selection rates and rates of right answers by the values of a column.

Demographic parity compares how often a label is answered, equal opportunity [1]_ how often it is answered where it is
right, and accuracy parity how often answers are right. No two of them can in general hold together where the groups
differ in their labels [2]_, so all are shown and none is called fair. The differences of a column are told with one error
budget: each pair of groups, each label and each measure counts (Bonferroni), from exact binomial intervals.

References
----------
.. [1] Hardt, Price and Srebro, "Equality of opportunity in supervised learning", 2016, arXiv:1610.02413.
.. [2] Kleinberg, Mullainathan and Raghavan, "Inherent trade-offs in the fair determination of risk scores", 2017,
   arXiv:1609.05807.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from metier.errors import CallError, suggest
from metier.evaluation.figure import LEVEL, Figure
from metier.evaluation.independent import difference_of_independent
from metier.evaluation.intervals import Interval
from metier.selection.labelled_rows import LabelledRows
from metier.selection.slices import Slice, by_column

FEWEST_ROWS = 20  # A group of fewer is shown and not compared.
MOST_GROUPS = 30
MOST_LABELS = 20  # Of more only those that are named are compared one by one.
ACCURACY, SELECTED, FOUND = "accuracy", "selection_rate", "true_positive_rate"
__all__ = ["ColumnParity", "column_parity"]


@dataclass(frozen=True)
class Rate:
    """A share of the rows of each group.

    Parameters
    ----------
    measure : {"accuracy", "selection_rate", "true_positive_rate"}
    label : str or None
        None for accuracy.
    hits, rows : mapping of str to float
        By the group; of related rows so many as vary as much.
    """

    measure: str
    label: str | None
    hits: Mapping[str, float]
    rows: Mapping[str, float]

    def figure(self, group: str) -> Figure:
        """Give the share of one group."""
        return Figure.of_share(self.hits[group], self.rows[group], higher_is_better=None)  # type: ignore[arg-type]

    @property
    def compared(self) -> list[str]:
        """The groups with rows enough."""
        return [group for group, rows in self.rows.items() if rows >= FEWEST_ROWS]


@dataclass(frozen=True)
class Difference:
    """The largest difference between two groups in a measure.

    Parameters
    ----------
    measure : str
    label : str or None
        Where it is largest.
    higher, lower : str
        The groups.
    figure : Figure
    """

    measure: str
    label: str | None
    higher: str
    lower: str
    figure: Figure


@dataclass(frozen=True)
class ColumnParity:
    """What was found of the groups of one column.

    Parameters
    ----------
    column : str
    rows : mapping of str to int
        Rows of each group, the smallest last.
    rates : tuple of Rate
    differences : tuple of Difference
        One a measure.
    too_small : tuple of str
        Groups that are shown and not compared.
    """

    column: str
    rows: Mapping[str, int]
    rates: tuple[Rate, ...]
    differences: tuple[Difference, ...]
    too_small: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON."""
        return {
            "column": self.column,
            "rows": dict(self.rows),
            "too_small": list(self.too_small),
            "rates": [
                {
                    "measure": one.measure,
                    "label": one.label,
                    "groups": {g: one.figure(g).as_dict() for g in one.rows},
                }
                for one in self.rates
            ],
            "differences": [
                {
                    "measure": one.measure,
                    "label": one.label,
                    "higher": one.higher,
                    "lower": one.lower,
                    **one.figure.as_dict(),
                }
                for one in self.differences
            ],
        }


def column_parity(
    given: LabelledRows, predicted: Sequence[Any], column: str, *, labels: Sequence[str] = ()
) -> ColumnParity:
    """Compare the groups of a column.

    Parameters
    ----------
    predicted : sequence
        The answer to each row.
    labels : sequence of str
        Those to compare one by one; none: all, of 20 at most.

    Raises
    ------
    CallError
        If there is no such column, it has no groups, or answers are no labels.
    """
    groups = _groups(given, column)
    known = given.task.labels
    for label in labels:
        if label not in known:
            raise CallError(
                f"There is no label {label!r}.{suggest(label, known)} Known are {', '.join(known)}."
            )
    if not known or not given.task.answer.has_labels:
        raise CallError(
            f"Groups are compared by labels, and the answers of the task {given.task.name} are none. Use the figures of "
            "parts of the rows: metier evaluate --by COLUMN"
        )
    picked = tuple(labels) or (known if len(known) <= MOST_LABELS else ())
    rates = tuple(_rates(given, predicted, groups, picked))
    n_compared = sum(math.comb(len(one.compared), 2) for one in rates)
    differences = [
        found
        for measure in (ACCURACY, SELECTED, FOUND)
        if (found := _largest([one for one in rates if one.measure == measure], n_compared)) is not None
    ]
    sizes = {str(one.value): len(one.rows) for one in sorted(groups, key=lambda one: -len(one.rows))}
    too_small = tuple(name for name, size in sizes.items() if size < FEWEST_ROWS)
    return ColumnParity(column, sizes, rates, tuple(differences), too_small)


def _groups(given: LabelledRows, column: str) -> list[Slice]:
    names = given.rows.table.column_names
    if column not in names:
        raise CallError(
            f"{given.rows.origin} has no column {column!r}.{suggest(column, names)} Found {', '.join(names)}."
        )
    found = list(by_column(given.rows, column, most=None))
    if not 2 <= len(found) <= MOST_GROUPS:
        raise CallError(
            f"The column {column!r} of {given.rows.origin} has {len(found) or 'fewer than 2'} values. Expected 2 to "
            f"{MOST_GROUPS} groups: name a column that groups the rows."
        )
    return found


def _rates(
    given: LabelledRows, predicted: Sequence[Any], groups: Sequence[Slice], labels: Sequence[str]
) -> list[Rate]:
    truth = list(given.scores.targets)
    right = np.array([_as_set(one) == _as_set(two) for one, two in zip(truth, predicted, strict=True)])
    everyone = np.ones(len(truth), dtype=bool)
    rates = [_rate(given, groups, ACCURACY, None, right, everyone)]
    for label in labels:
        answered = np.array([label in _as_set(one) for one in predicted])
        holds = np.array([label in _as_set(one) for one in truth])
        rates.append(_rate(given, groups, SELECTED, label, answered, everyone))
        rates.append(_rate(given, groups, FOUND, label, answered & holds, holds))
    return rates


def _rate(
    given: LabelledRows,
    groups: Sequence[Slice],
    measure: str,
    label: str | None,
    hit: np.ndarray,
    of: np.ndarray,
) -> Rate:
    hits, rows = {}, {}
    for one in groups:
        own = one.rows[of[one.rows]]
        related = given.scores.groups
        units = len(own) if related is None else len(np.unique(related[own]))
        rows[str(one.value)] = units
        hits[str(one.value)] = float(hit[own].sum()) * (units / len(own) if len(own) else 0.0)
    return Rate(measure, label, hits, rows)


def _largest(rates: Sequence[Rate], n_compared: int) -> Difference | None:
    pairs = [(rate, one, two) for rate in rates for one, two in combinations(rate.compared, 2)]
    if not pairs:
        return None
    value = max((abs(_difference(*pair, LEVEL).value), place) for place, pair in enumerate(pairs))
    rate, one, two = pairs[value[1]]
    higher, lower = (one, two) if _difference(rate, one, two, LEVEL).value >= 0 else (two, one)

    def measured(level: float) -> Interval:
        own = 1 - (1 - level) / n_compared
        found = [_difference(*pair, own) for pair in pairs]
        nearest = max(max(each.low, -each.high, 0.0) for each in found)
        return Interval(value[0], nearest, min(1.0, max(max(abs(each.low), abs(each.high)) for each in found)))

    ends = measured(LEVEL)
    n_rows = round(min(rate.rows[one], rate.rows[two]))
    figure = Figure(ends.value, ends.low, ends.high, n_rows, higher_is_better=False, measured=measured)
    return Difference(rate.measure, rate.label, higher, lower, figure)


def _difference(rate: Rate, one: str, two: str, level: float) -> Interval:
    first, second = (rate.figure(group).at(level) for group in (one, two))
    assert first is not None  # Shares have intervals.
    assert second is not None
    return difference_of_independent(first, second)


def _as_set(answer: Any) -> frozenset[Any]:
    return frozenset(answer) if isinstance(answer, list | tuple | set) else frozenset([answer])
