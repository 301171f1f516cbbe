"""Metrics by name: value, confidence interval and paired comparison.

`interval_of` and `comparison_of` take the metric of any task. Accuracy and macro-F1 of single labels use
`intervals` and `comparison`, with McNemar's exact test; other metrics use sums of row statistics.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from metier.evaluation.comparison import Comparison, compare, decide
from metier.evaluation.groups import count_units, group_codes
from metier.evaluation.intervals import (
    AS_IT_IS,
    FISHER,
    LOG_ODDS,
    LOGARITHM,
    Interval,
    Scale,
    below_one,
    bootstrap_interval,
    difference_interval,
    exact_interval,
    fraction_interval,
    mean_interval,
    percentile_interval,
    scaled_interval,
)
from metier.evaluation.measure_table import MEASURES, Metric, find_measure, metric_name
from metier.evaluation.metrics import METRICS
from metier.evaluation.row_resampling import bootstrap_values, gather_units, swapped_values
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
    "rows_correct",
]


def measure(metric: Metric, truth: Sequence[Any], predicted: Sequence[Any]) -> float:
    """Compute a metric; for a label metric, truth and answers are labels or their codes."""
    check_rows(truth, predicted)
    if metric in METRICS:
        return METRICS[str(metric)](*_as_numbers(truth, predicted))
    found = find_measure(metric)
    return found.total(found.statistics(truth, predicted))


def higher_is_better(metric: Metric) -> bool:
    """Whether a higher value is better; for errors a lower one is.

    Raises
    ------
    ValueError
        If the metric is descriptive, without better or worse.
    """
    if metric in METRICS:
        return True
    found = find_measure(metric)
    if found.higher_is_better is None:
        raise ValueError(
            f"{found.name} only describes answers; neither direction is better. Compare another metric."
        )
    return found.higher_is_better


def is_fraction(metric: Metric) -> bool:
    """Whether the metric is between 0 and 1 and can be shown as a percentage."""
    return metric in METRICS or find_measure(metric).is_fraction


def describe_metric(metric: Metric) -> dict[str, Any]:
    """Give the facts for a report: `title`, `higher_is_better` (None: descriptive) and `is_fraction`."""
    name = metric if isinstance(metric, str) else metric.name
    upward = True if metric in METRICS else find_measure(metric).higher_is_better
    return {"title": metric_name(name), "higher_is_better": upward, "is_fraction": is_fraction(metric)}


def better(metric: Metric, value: float, other: float) -> bool:
    """Whether one value is better than another; raises as `higher_is_better` does."""
    return value > other if higher_is_better(metric) else value < other


def rows_correct(metric: Metric, truth: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
    """Give which rows are answered correctly, a bool ndarray of shape (n_rows,).

    Two such arrays are all that `certification`, `equivalence` and McNemar's test need, whatever the task:
    `equivalent(np.ones(n_rows), correct_a, correct_b)`.

    Raises
    ------
    ValueError
        If rows are not correct or wrong in that metric, as in ROUGE or an error.
    """
    check_rows(truth, predicted)
    if metric in METRICS:
        true_ones, answers = _as_numbers(truth, predicted)
        return np.asarray(true_ones == answers)
    found = find_measure(metric)
    if found.is_correct is None:
        raise ValueError(
            f"In {found.name} rows are not correct or wrong. Use a metric where they are, such as exact_match."
        )
    return found.is_correct(found.statistics(truth, predicted))


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
    groups: np.ndarray | None = None,
) -> Interval:
    """Give a measure with its bootstrap interval over rows, as `intervals` describes.

    Where a fraction is exactly 0 or 1, samples do not vary; the exact binomial bound over the rows that count
    is used then, as in `bootstrap_interval`. An error of exactly 0 has no such bound; its interval is empty.

    Parameters
    ----------
    metric : str or RowMeasure
    truth, predicted : sequences with one element per row
        The type of the elements is documented in the module of the measure.
    level : float
        Confidence level, 0 to 1.
    groups : ndarray of int of shape (n_rows,), default=None
        Rows of one group are drawn together; None: every row by itself.
    """
    codes = group_codes(groups, check_rows(truth, predicted))
    found = find_measure(metric)
    if codes is not None and not found.is_fraction and count_units(codes, len(truth)) < 2:
        codes = None  # There is no bound that one group could leave open: its rows are all there is.
    statistics = found.statistics(truth, predicted)
    value = found.total(statistics)
    if found.is_fraction and value in (0.0, 1.0):
        counted = statistics.any(axis=1)
        units = counted.sum() if codes is None else len(np.unique(codes[counted]))
        return exact_interval(value, max(int(units), 1), level=level)
    rng = np.random.default_rng(random_state)
    units = count_units(codes, len(truth))
    prepared = gather_units(found, [statistics], codes)
    [drawn] = bootstrap_values(found, *prepared, resamples=resamples, rng=rng)
    if found.shrunk is not None:
        further = replace(found, value=found.shrunk)
        # The same samples again.
        again = np.random.default_rng(random_state)
        [shrunk] = bootstrap_values(further, *prepared, resamples=resamples, rng=again)
        values = (value, further.total(statistics))
        return mean_interval((drawn, shrunk), values, level=level, units=units)
    if found.is_mean_like:
        return fraction_interval(drawn, value, level=level, units=units, rows=len(truth), rng=rng)
    if found.one_wrong is not None:
        # As if a row (or a whole group) that is wrong had not been seen yet.
        step = float(found.one_wrong(statistics.sum(axis=0))) * len(truth) / units
        unseen = -step * rng.standard_gamma(1.0, len(drawn))
        wider = percentile_interval(drawn, value, level=level, units=units, correct_bias=True, unseen=unseen)
        scaled = scaled_interval(drawn, value, level=level, units=units, scale=below_one(step))
        return Interval(value, min(wider.low, scaled.low), min(max(wider.high, scaled.high), 1.0))
    scale = _scale_of(found)
    whole = scaled_interval(drawn, value, level=level, units=units, scale=scale)
    # An error is never below none; of few rows the correction of the percentiles would go there.
    return replace(whole, low=max(whole.low, 0.0)) if scale is LOGARITHM else whole


def _scale_of(found: RowMeasure) -> Scale:
    if found.is_fraction:
        return LOG_ODDS
    if found.is_correlation:
        return FISHER
    return LOGARITHM if found.higher_is_better is False else AS_IT_IS


def row_comparison(
    metric: Metric,
    truth: Sequence[Any],
    first: Sequence[Any],
    second: Sequence[Any],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    random_state: int = 0,
    groups: np.ndarray | None = None,
) -> Comparison:
    """Compare two sets of answers to the same rows.

    The interval is from the paired bootstrap, the p-value from approximate randomization, as in `comparison`.
    `only_a_right` and `only_b_right` count rows that only one answers correctly, or, where rows are not correct or
    wrong (ROUGE, errors), rows that one answers better.

    Raises
    ------
    ValueError
        If the measure is descriptive, without better or worse.
    """
    codes = group_codes(groups, check_rows(truth, first, second))
    found = find_measure(metric)
    upward = higher_is_better(found)
    tables = found.paired(truth, first, second)
    difference = float(_without_rounding(found.total(tables[0]) - found.total(tables[1])))
    rng = np.random.default_rng(random_state)
    prepared = gather_units(found, tables, codes)
    drawn = bootstrap_values(found, *prepared, resamples=resamples, rng=rng)
    units = count_units(codes, len(truth))
    moved = _without_rounding(drawn[0] - drawn[1])
    if found.is_fraction:
        interval = difference_interval(
            moved, difference, level=level, units=units, rng=rng, correct_bias=not found.is_mean_like
        )
    else:
        interval = percentile_interval(moved, difference, level=level, units=units, correct_bias=True)
    swapped = swapped_values(found, *prepared, swaps=resamples, rng=rng)
    as_large = np.abs(_without_rounding(swapped[0] - swapped[1])) >= abs(difference) * (1 - 1e-9)
    # The observed assignment is one of the possible ones; counting it keeps the test valid.
    p_value = float((1 + np.sum(as_large)) / (1 + resamples))
    low, high = interval.low, interval.high
    verdict = decide(difference if upward else -difference, low, high, p_value, level=level)
    return Comparison(difference, low, high, p_value, verdict, *_count_better(found, *tables))


def _without_rounding(differences: np.ndarray | float) -> np.ndarray:
    """Set differences that are only rounding errors to 0."""
    return np.where(np.abs(differences) < 1e-12, 0.0, differences)


def _count_better(found: RowMeasure, first: np.ndarray, second: np.ndarray) -> tuple[int, int]:
    """Count the rows that only one method answers correctly, or that one answers better."""
    if found.is_correct is not None:
        correct_a, correct_b = found.is_correct(first), found.is_correct(second)
        return int(np.sum(correct_a & ~correct_b)), int(np.sum(correct_b & ~correct_a))
    gain = found.of_rows(first) - found.of_rows(second)
    return int(np.sum(gain > 1e-12)), int(np.sum(gain < -1e-12))


def _as_numbers(*rows: Sequence[Any]) -> list[np.ndarray]:
    """Encode labels by their sorted order, the same in every set; integers are unchanged."""
    arrays = [np.asarray(one) for one in rows]
    if all(np.issubdtype(array.dtype, np.integer) for array in arrays):
        return arrays
    _, numbers = np.unique(np.concatenate([array.astype(str) for array in arrays]), return_inverse=True)
    return np.split(numbers, len(rows))
