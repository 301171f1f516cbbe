"""Whether a probability finds the rows that have something: pairs that match, messages that are urgent.

Truth is whether each row has it (True, 1), an answer is its probability or any score that grows with it.
"""

from collections.abc import Sequence

import numpy as np

from metier.evaluation.row_statistics import RowMeasure, divide, mean_value


def _precision_of_rows(truth: Sequence[bool], predicted: Sequence[float]) -> np.ndarray:
    """Columns: precision at the row's score and 1 where the row has it (both 0 elsewhere), has it, score."""
    has_it, scores = _check(truth, predicted)
    precision = _precision_at(has_it, scores, np.ones((len(scores), 1)))[:, 0]
    return np.column_stack([has_it * precision, has_it, scores])


def _precision_at(has_it: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Share that has it among rows with at least each row's score; `counts` and result (n_rows, n_draws)."""
    _, kind_of_row, rows = np.unique(-scores, return_inverse=True, return_counts=True)
    order, first = np.argsort(kind_of_row, kind="stable"), np.cumsum(rows) - rows
    all_rows = np.cumsum(np.add.reduceat(counts[order], first, axis=0), axis=0)
    found = np.cumsum(np.add.reduceat((counts * has_it[:, None])[order], first, axis=0), axis=0)
    return divide(found, all_rows)[kind_of_row]


def _average_precision(statistics: np.ndarray, counts: np.ndarray) -> np.ndarray:
    has_it, scores = statistics[:, 1], statistics[:, 2]
    weights = np.ascontiguousarray(np.atleast_2d(counts).T)
    precision = _precision_at(has_it, scores, weights)
    weights *= has_it[:, None]
    figures = divide((weights * precision).sum(axis=0), weights.sum(axis=0))
    return figures.reshape(counts.shape[:-1])


def _check(truth: Sequence[bool], predicted: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    has_it, scores = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if not np.isin(has_it, (0.0, 1.0)).all():
        raise ValueError(f"Expected True or False a row, found {set(has_it.tolist()) - {0.0, 1.0}}.")
    return has_it, scores


def _margin(statistics: np.ndarray) -> np.ndarray:
    """How far each row's score goes the right way."""
    margins: np.ndarray = np.where(statistics[:, 1] == 1, statistics[:, 2], -statistics[:, 2])
    return margins


# Precision averaged over the rows that have it, each at its own score, as scikit-learn counts it; rows with the
# same score come together.
DETECTION_MEASURES = (
    RowMeasure(
        "average_precision",
        _precision_of_rows,
        mean_value,
        row_value=_margin,
        is_relative=True,
        on_counts=_average_precision,
    ),
)
