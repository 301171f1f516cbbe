"""Metrics of scores: size of errors, and correlation with the truth. Grades count as positions.

Truth and answers are one number per row. A grade (an ordered label) is its position in the stated order;
`on_grades` adapts a measure to labels.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from metier.evaluation.row_statistics import RowMeasure, divide, mean_value


def _numbers(rows: Sequence[float]) -> np.ndarray:
    values = np.asarray(rows, dtype=np.float64)
    if not np.isfinite(values).all():
        at = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(
            f"Expected a finite number per row, found {values[at]} at position {at}. Fix that row."
        )
    return values


def _absolute_errors(truth: Sequence[float], predicted: Sequence[float]) -> np.ndarray:
    errors = np.abs(_numbers(truth) - _numbers(predicted))
    return np.column_stack([errors, np.ones(len(errors))])


def _squared_errors(truth: Sequence[float], predicted: Sequence[float]) -> np.ndarray:
    errors = (_numbers(truth) - _numbers(predicted)) ** 2
    return np.column_stack([errors, np.ones(len(errors))])


def _root_mean(sums: np.ndarray) -> np.ndarray:
    root: np.ndarray = np.sqrt(mean_value(sums))
    return root


def _products(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(x)), x, y, x * x, y * y, x * y])


def _standard(values: np.ndarray) -> np.ndarray:
    # Avoids cancellation in sums of squares of large numbers that hardly differ.
    spread = values.std()
    return (values - values.mean()) / (spread if spread > 0 else 1.0)


def _standard_products(truth: Sequence[float], predicted: Sequence[float]) -> np.ndarray:
    return _products(_standard(_numbers(truth)), _standard(_numbers(predicted)))


def _rank_products(truth: Sequence[float], predicted: Sequence[float]) -> np.ndarray:
    return _products(_standard(_ranks(_numbers(truth))), _standard(_ranks(_numbers(predicted))))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, ties sharing their middle one; scipy's would be loaded by whatever knows a metric's name."""
    return _rerank(values, np.ones((len(values), 1)))[:, 0] + 0.5


def _rerank(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mid-ranks minus one half among rows with counts; ties and copies share their mean rank.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
    counts : ndarray of shape (n_rows, n_draws)
        Rows first, as reordering whole lines takes a third of the time.

    Returns
    -------
    ndarray of shape (n_rows, n_draws)
    """
    kinds, kind_of_row, rows = np.unique(values, return_inverse=True, return_counts=True)
    copies = counts[np.argsort(kind_of_row, kind="stable")]
    if len(kinds) < len(values):
        copies = np.add.reduceat(copies, np.cumsum(rows) - rows, axis=0)
    ranks = np.cumsum(copies, axis=0)
    copies /= 2
    ranks -= copies
    return ranks[kind_of_row]


def _rank_correlation(statistics: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman's correlation of rows with counts; ranks are computed anew, as copies are ties."""
    weights = np.ascontiguousarray(np.atleast_2d(counts).T)
    x, y = _rerank(statistics[:, 1], weights), _rerank(statistics[:, 2], weights)
    middle = weights.sum(axis=0) / 2
    x -= middle
    y -= middle
    together, spread_x, spread_y = (
        np.einsum("id,id,id->d", weights, one, other) for one, other in ((x, y), (x, x), (y, y))
    )
    has_spread = (spread_x > 0) & (spread_y > 0)
    root = np.sqrt(np.where(has_spread, spread_x * spread_y, 1.0))
    values = np.where(has_spread, np.clip(together / root, -1.0, 1.0), 0.0)
    return values.reshape(counts.shape[:-1])


def _raw_products(truth: Sequence[float], predicted: Sequence[float]) -> np.ndarray:
    return _products(_numbers(truth), _numbers(predicted))


def _moments(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give n times the variances and the covariance."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    return xx - divide(x * x, n), yy - divide(y * y, n), xy - divide(x * y, n)


def _correlation(sums: np.ndarray) -> np.ndarray:
    spread_x, spread_y, together = _moments(sums)
    # A resample that repeats one row has no variance except rounding.
    scale = np.maximum(sums[..., 0], 1.0) * 1e-12
    has_spread = (spread_x > scale) & (spread_y > scale)
    root = np.sqrt(np.where(has_spread, spread_x * spread_y, 1.0))
    return np.where(has_spread, np.clip(together / root, -1.0, 1.0), 0.0)


def _kappa(sums: np.ndarray) -> np.ndarray:
    """Cohen's kappa with quadratic weights, from sums alone, without the confusion matrix.

    The observed disagreement is the sum of (x - y)^2; the one expected by chance pairs every x with every y: the
    sum of x^2 and y^2 minus twice the product of the sums divided by n.
    """
    xx, yy, xy = np.moveaxis(sums[..., 3:], -1, 0)
    expected = _expected(sums)
    # Where truth and answers are one constant grade, kappa is undefined: 0.
    spreads = expected > 1e-9
    return np.where(spreads, 1 - divide(xx + yy - 2 * xy, np.where(spreads, expected, 1.0)), 0.0)


def _expected(sums: np.ndarray) -> np.ndarray:
    """Give the squared disagreement that is expected by chance."""
    n, x, y, xx, yy, _ = np.moveaxis(sums, -1, 0)
    expected: np.ndarray = xx + yy - 2 * divide(x * y, n)
    return expected


def _one_grade_off(sums: np.ndarray) -> np.ndarray:
    """Give how much kappa falls where one more row is a grade off."""
    return divide(np.ones(sums.shape[:-1]), _expected(sums))


def _nearness(statistics: np.ndarray) -> np.ndarray:
    """Negative distance of each row, for measures that are undefined for a single row."""
    near: np.ndarray = -np.abs(statistics[:, 1] - statistics[:, 2])
    return near


def _same_grade(statistics: np.ndarray) -> np.ndarray:
    same: np.ndarray = statistics[:, 1] == statistics[:, 2]
    return same


def on_grades(measure: RowMeasure, order: Sequence[str]) -> RowMeasure:
    """Adapt a measure of numbers to ordered labels, each as its position in `order`."""
    position = {label: number for number, label in enumerate(order)}

    def positions(rows: Sequence[Any]) -> list[int]:
        unknown = sorted({str(label) for label in rows} - set(position))
        if unknown:
            raise ValueError(
                f"Expected grades among {', '.join(order)}, found {', '.join(unknown)}. "
                "Name every grade in the order."
            )
        return [position[label] for label in rows]

    def statistics(truth: Sequence[Any], predicted: Sequence[Any]) -> np.ndarray:
        return measure.statistics(positions(truth), positions(predicted))

    return replace(measure, statistics=statistics)


SCORE_MEASURES = (
    RowMeasure("mae", _absolute_errors, mean_value, higher_is_better=False, is_fraction=False),
    RowMeasure(
        "rmse", _squared_errors, _root_mean, higher_is_better=False, is_fraction=False, row_value=_root_mean
    ),
    RowMeasure(
        "pearson",
        _standard_products,
        _correlation,
        is_fraction=False,
        row_value=_nearness,
        is_relative=True,
        is_correlation=True,
    ),
    RowMeasure(
        "spearman",
        _rank_products,
        _correlation,
        is_fraction=False,
        row_value=_nearness,
        is_relative=True,
        is_correlation=True,
        on_counts=_rank_correlation,
    ),
    RowMeasure(
        "quadratic_kappa",
        _raw_products,
        _kappa,
        is_fraction=False,
        is_correct=_same_grade,
        row_value=_nearness,
        one_wrong=_one_grade_off,
    ),
)
