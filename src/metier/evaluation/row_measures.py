"""One front for every figure: by its name, its value, its interval and whether two methods differ in it.

`interval_of` and `comparison_of` take the metric of any task. Accuracy and macro-F1 of single labels go the way
of `intervals` and `comparison`, over cells and with McNemar's exact test; everything else goes over sums of row
statistics.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from metier.evaluation.comparison import Comparison, compare, decide
from metier.evaluation.intervals import Interval, bias_corrected, bootstrap_interval, exact_interval
from metier.evaluation.measure_table import MEASURES, Metric, find_measure
from metier.evaluation.metric_names import metric_name
from metier.evaluation.metrics import METRICS
from metier.evaluation.row_resampling import bootstrap_figures, gather_rows, swapped_figures
from metier.evaluation.row_statistics import RowMeasure, check_rows

__all__ = [
    "MEASURES",
    "RowMeasure",
    "better",
    "comparison_of",
    "describe_metric",
    "find_measure",
    "higher_is_better",
    "interval_of",
    "is_fraction",
    "measure",
    "row_comparison",
    "row_interval",
    "rows_right",
]


def measure(metric: Metric, truth: Sequence[Any], predicted: Sequence[Any]) -> float:
    """Give the figure of some answers; for a label metric, truth and answers are labels or their numbers."""
    check_rows(truth, predicted)
    if metric in METRICS:
        return METRICS[str(metric)](*_as_numbers(truth, predicted))
    found = find_measure(metric)
    return found.figure(found.statistics(truth, predicted))


def higher_is_better(metric: Metric) -> bool:
    """Whether more is better in this metric; of an error, less is.

    Raises
    ------
    ValueError
        If the figure describes answers and ranks none.
    """
    if metric in METRICS:
        return True
    found = find_measure(metric)
    if found.higher_is_better is None:
        raise ValueError(
            f"{found.name} describes answers and says of none that it is better. Compare another metric."
        )
    return found.higher_is_better


def is_fraction(metric: Metric) -> bool:
    """Whether the metric lies from 0 to 1 and reads as a percentage."""
    return metric in METRICS or find_measure(metric).is_fraction


def describe_metric(metric: Metric) -> dict[str, Any]:
    """Give what a report has to know: `title`, `higher_is_better` (None: ranks nothing) and `is_fraction`."""
    name = metric if isinstance(metric, str) else metric.name
    upward = True if metric in METRICS else find_measure(metric).higher_is_better
    return {"title": metric_name(name), "higher_is_better": upward, "is_fraction": is_fraction(metric)}


def better(metric: Metric, value: float, other: float) -> bool:
    """Whether one figure is better than another; raises as `higher_is_better` does."""
    return value > other if higher_is_better(metric) else value < other


def rows_right(metric: Metric, truth: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
    """Say which rows are answered rightly, a bool ndarray of shape (n_rows,).

    Two such arrays are all that `certification`, `equivalence` and McNemar's test need, whatever the task:
    `equivalent(np.ones(n_rows), right_a, right_b)`.

    Raises
    ------
    ValueError
        If no row is simply right or wrong in that metric, as in ROUGE or an error.
    """
    check_rows(truth, predicted)
    if metric in METRICS:
        true_ones, answers = _as_numbers(truth, predicted)
        return np.asarray(true_ones == answers)
    found = find_measure(metric)
    if found.is_right is None:
        raise ValueError(
            f"In {found.name} no row is simply right or wrong. Ask a metric that says so, as exact_match does."
        )
    return found.is_right(found.statistics(truth, predicted))


def interval_of(metric: Metric, truth: Sequence[Any], predicted: Sequence[Any], **options: Any) -> Interval:
    """Give any metric with its interval; options are those of `row_interval`."""
    if metric in METRICS:
        check_rows(truth, predicted)
        return bootstrap_interval(str(metric), *_as_numbers(truth, predicted), **options)
    return row_interval(metric, truth, predicted, **options)


def comparison_of(
    metric: Metric, truth: Sequence[Any], first: Sequence[Any], second: Sequence[Any], **options: Any
) -> Comparison:
    """Compare two sets of answers to the same rows in any metric; options are those of `row_comparison`."""
    if metric in METRICS:
        check_rows(truth, first, second)
        return compare(*_as_numbers(truth, first, second), metric=str(metric), **options)
    return row_comparison(metric, truth, first, second, **options)


def row_interval(
    metric: Metric,
    truth: Sequence[Any],
    predicted: Sequence[Any],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    random_state: int = 0,
) -> Interval:
    """Give a measure with its bias-corrected percentile bootstrap interval over rows.

    Where a fraction is exactly 0 or 1, resamples cannot vary; the exact binomial bound over the rows that have
    anything to count stands in, as in `bootstrap_interval`. An error of exactly 0 has no such bound and its
    interval is empty.

    Parameters
    ----------
    metric : str or RowMeasure
    truth, predicted : sequences with one element a row
        What each element is, the module of the measure's family says.
    level : float
        Share of samples whose interval should hold the true figure, 0 to 1.
    """
    check_rows(truth, predicted)
    found = find_measure(metric)
    statistics = found.statistics(truth, predicted)
    value = found.figure(statistics)
    if found.is_fraction and value in (0.0, 1.0):
        return exact_interval(value, max(int(statistics.any(axis=1).sum()), 1), level=level)
    rng = np.random.default_rng(random_state)
    [drawn] = bootstrap_figures(found, *gather_rows(statistics), resamples=resamples, rng=rng)
    low, high = bias_corrected(drawn, value, level=level)
    return Interval(value, low, high)


def row_comparison(
    metric: Metric,
    truth: Sequence[Any],
    first: Sequence[Any],
    second: Sequence[Any],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    random_state: int = 0,
) -> Comparison:
    """Compare two sets of answers to the same rows.

    The interval is the paired bootstrap's; the p-value comes from swapping the two answers of random rows
    (approximate randomization, as in `comparison`). `only_a_right` and `only_b_right` count rows that one alone
    answers rightly; where no row is simply right or wrong (ROUGE, errors), rows that one answers better.

    Raises
    ------
    ValueError
        If the measure describes answers and ranks none.
    """
    check_rows(truth, first, second)
    found = find_measure(metric)
    upward = higher_is_better(found)
    tables = found.paired(truth, first, second)
    difference = float(_without_rounding(found.figure(tables[0]) - found.figure(tables[1])))
    rng = np.random.default_rng(random_state)
    cells, rows = gather_rows(*tables)
    drawn = bootstrap_figures(found, cells, rows, resamples=resamples, rng=rng)
    low, high = bias_corrected(_without_rounding(drawn[0] - drawn[1]), difference, level=level)
    swapped = swapped_figures(found, cells, rows, swaps=resamples, rng=rng)
    as_large = np.abs(_without_rounding(swapped[0] - swapped[1])) >= abs(difference) * (1 - 1e-9)
    # The real assignment is one of those the coin could have made; counting it keeps the test valid.
    p_value = float((1 + np.sum(as_large)) / (1 + resamples))
    verdict = decide(difference if upward else -difference, low, high, p_value, level=level)
    return Comparison(difference, low, high, p_value, verdict, *_count_better(found, *tables))


def _without_rounding(differences: np.ndarray | float) -> np.ndarray:
    """Turn differences that are only rounding into none."""
    return np.where(np.abs(differences) < 1e-12, 0.0, differences)


def _count_better(found: RowMeasure, first: np.ndarray, second: np.ndarray) -> tuple[int, int]:
    """Count the rows that only one method answers rightly, or that one answers better."""
    if found.is_right is not None:
        right_a, right_b = found.is_right(first), found.is_right(second)
        return int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    gain = found.of_rows(first) - found.of_rows(second)
    return int(np.sum(gain > 1e-12)), int(np.sum(gain < -1e-12))


def _as_numbers(*rows: Sequence[Any]) -> list[np.ndarray]:
    """Number labels by their order, the same in every set; numbers stay as they are."""
    arrays = [np.asarray(one) for one in rows]
    if all(np.issubdtype(array.dtype, np.integer) for array in arrays):
        return arrays
    _, numbers = np.unique(np.concatenate([array.astype(str) for array in arrays]), return_inverse=True)
    return np.split(numbers, len(rows))
