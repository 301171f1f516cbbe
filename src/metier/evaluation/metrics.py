"""Metrics of single-label answers: overall, per label, and confusions."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metier.errors import EmptyDataError, UnknownNameError


def accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Share of rows with a correct answer, 0 to 1."""
    truth, predicted = check_answers(truth, predicted)
    return float(np.mean(truth == predicted))


def macro_f1(truth: np.ndarray, predicted: np.ndarray, *, n_classes: int | None = None) -> float:
    """Mean over labels of the harmonic mean of precision and recall, 0 to 1.

    Every label counts the same, rare or frequent.

    Parameters
    ----------
    truth, predicted : ndarray of int of shape (n_rows,)
        Label codes.
    n_classes : int, default=None
        Number of labels; None: the largest code plus 1. Labels that are neither in `truth` nor in `predicted`
        are excluded from the mean, as in scikit-learn.
    """
    truth, predicted = check_answers(truth, predicted)
    correct, true_rows, predicted_rows = _counts(truth, predicted, n_classes or 0)
    present = true_rows + predicted_rows > 0
    return float(np.mean(2 * correct[present] / (true_rows + predicted_rows)[present]))


METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {"accuracy": accuracy, "macro_f1": macro_f1}


def check_metric(metric: str) -> str:
    """Return the name of a metric unchanged.

    Raises
    ------
    UnknownNameError
        If no metric has that name.
    """
    if metric not in METRICS:
        raise UnknownNameError("metric", metric, known=METRICS)
    return metric


def per_label(truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and number of true rows of each label, in the order of `labels`.

    0 / 0 (the precision of a label that was never predicted) is 0.
    """
    truth, predicted = check_answers(truth, predicted)
    correct, true_rows, predicted_rows = _counts(truth, predicted, len(labels))
    precision = correct / np.maximum(predicted_rows, 1)
    recall = correct / np.maximum(true_rows, 1)
    f1 = 2 * correct / np.maximum(true_rows + predicted_rows, 1)
    return [
        {
            "label": label,
            "precision": float(precision[index]),
            "recall": float(recall[index]),
            "f1": float(f1[index]),
            "rows": int(true_rows[index]),
        }
        for index, label in enumerate(labels)
    ]


def confusions(
    truth: np.ndarray, predicted: np.ndarray, labels: Sequence[str], *, most: int | None = None
) -> list[dict[str, Any]]:
    """Pairs of true and predicted label among wrong answers, the most frequent first; at most `most` pairs."""
    truth, predicted = check_answers(truth, predicted)
    wrong = truth != predicted
    kinds, rows = np.unique(np.column_stack([truth[wrong], predicted[wrong]]), axis=0, return_counts=True)
    order = np.argsort(-rows, kind="stable")[:most]
    return [
        {"truth": labels[kinds[kind, 0]], "predicted": labels[kinds[kind, 1]], "rows": int(rows[kind])}
        for kind in order
    ]


def check_answers(truth: np.ndarray, *predicted: np.ndarray) -> tuple[np.ndarray, ...]:
    """Give truth and answers as int arrays of one length.

    Raises
    ------
    EmptyDataError
        If there are no rows.
    ValueError
        If the lengths differ.
    """
    arrays = tuple(np.asarray(array) for array in (truth, *predicted))
    if len({len(array) for array in arrays}) > 1:
        lengths = " and ".join(str(len(array)) for array in arrays)
        raise ValueError(
            f"Expected one answer per row, found arrays of {lengths} rows. Give answers to the same rows."
        )
    if len(arrays[0]) == 0:
        raise EmptyDataError("There are no rows to measure on. Give at least one row with its true label.")
    return tuple(array.astype(np.int64, copy=False) for array in arrays)


def _counts(
    truth: np.ndarray, predicted: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of correct, true and predicted rows of each label, three arrays of shape (n_classes,)."""
    size = max(n_classes, int(truth.max()) + 1, int(predicted.max()) + 1)
    correct = np.bincount(truth[truth == predicted], minlength=size)
    return correct, np.bincount(truth, minlength=size), np.bincount(predicted, minlength=size)
