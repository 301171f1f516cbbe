"""Detection of positive rows by a score: pairs that match, messages that are urgent.

Truth is whether each row is positive (True, 1); an answer is its probability or any increasing score.
"""

from collections.abc import Sequence

import numpy as np

from metier.evaluation.row_statistics import RowMeasure, divide, mean_value


def _precision_of_rows(truth: Sequence[bool], predicted: Sequence[float]) -> np.ndarray:
    """Columns: precision at the score of a positive row (0 for others), whether the row is positive, score."""
    is_positive, scores = _check(truth, predicted)
    precision = _precision_at(is_positive, scores, np.ones((len(scores), 1)))[:, 0]
    return np.column_stack([is_positive * precision, is_positive, scores])


def _precision_at(is_positive: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Precision among rows with at least each row's score; `counts` and result of shape (n_rows, n_draws)."""
    _, kind_of_row, rows = np.unique(-scores, return_inverse=True, return_counts=True)
    order, first = np.argsort(kind_of_row, kind="stable"), np.cumsum(rows) - rows
    all_rows = np.cumsum(np.add.reduceat(counts[order], first, axis=0), axis=0)
    found = np.cumsum(np.add.reduceat((counts * is_positive[:, None])[order], first, axis=0), axis=0)
    return divide(found, all_rows)[kind_of_row]


def _average_precision(statistics: np.ndarray, counts: np.ndarray) -> np.ndarray:
    is_positive, scores = statistics[:, 1], statistics[:, 2]
    weights = np.ascontiguousarray(np.atleast_2d(counts).T)
    precision = _precision_at(is_positive, scores, weights)
    weights *= is_positive[:, None]
    values = divide((weights * precision).sum(axis=0), weights.sum(axis=0))
    return values.reshape(counts.shape[:-1])


def _check(truth: Sequence[bool], predicted: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    is_positive, scores = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if not np.isin(is_positive, (0.0, 1.0)).all():
        raise ValueError(f"Expected True or False per row, found {set(is_positive.tolist()) - {0.0, 1.0}}.")
    return is_positive, scores


def _signed_score(statistics: np.ndarray) -> np.ndarray:
    """Score of each row, negated for negative rows: higher is better."""
    signed: np.ndarray = np.where(statistics[:, 1] == 1, statistics[:, 2], -statistics[:, 2])
    return signed


# Average precision as in scikit-learn; rows with equal scores are counted together.
DETECTION_MEASURES = (
    RowMeasure(
        "average_precision",
        _precision_of_rows,
        mean_value,
        row_value=_signed_score,
        is_relative=True,
        on_counts=_average_precision,
    ),
)
