"""The probability threshold of each label, chosen on held-out rows for F1.

The best threshold of a label that eleven rows have is mostly chance. Each label's counts are therefore added to those
of all labels together, scaled down to a few rows' weight: a label with hundreds of rows decides for itself, a rare one
gets nearly the threshold that is best for all, and nothing in between is a special case.
"""

import numpy as np

from metier.errors import EmptyDataError
from metier.tasks.answers.label_hierarchy import from_the_top

STEPS = 100  # Thresholds tried: 0.01, 0.02, … 0.99.
BORROWED_ROWS = 10.0  # How many true rows all labels together stand for beside a label's own.
UNFITTED = 0.5  # Where no row can be held out, or none has a label.


def tune_thresholds(
    probabilities: np.ndarray, truth: np.ndarray, *, parents: np.ndarray, borrowed: float = BORROWED_ROWS
) -> np.ndarray:
    """Choose the threshold of each label that gives the highest F1.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_labels)
        Of rows that were not trained on.
    truth : ndarray of bool of shape (n_rows, n_labels)
    parents : ndarray of int of shape (n_labels,)
        The column each label stands under, -1 for none; its threshold is never below its parent's.
    borrowed : float
        True rows that the counts of all labels together weigh, 0 or more.

    Returns
    -------
    ndarray of float64 of shape (n_labels,)
    """
    if len(truth) == 0:
        raise EmptyDataError(
            "There are no rows to choose thresholds on. Give at least one row with its labels."
        )
    found, answered = _counts(probabilities, truth)
    there = truth.sum(axis=0).astype(np.float64)
    if there.sum() == 0:
        return np.full(len(there), UNFITTED)
    scale = borrowed / there.sum()
    f1 = (
        2
        * (found + scale * found.sum(axis=0))
        / np.maximum(answered + there[:, None] + scale * (answered.sum(axis=0) + there.sum()), 1e-12)
    )
    chosen = np.zeros(len(there), dtype=np.int64)
    for column in from_the_top(parents):
        lowest = chosen[parents[column]] if parents[column] >= 0 else 0
        chosen[column] = lowest + _middle_of_best(f1[column, lowest:])
    return (chosen + 1) / STEPS


def _counts(probabilities: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows found and rows answered at each threshold, two arrays of shape (n_labels, n_thresholds)."""
    # The bin of a probability is the number of thresholds that it reaches.
    bins = np.clip(np.floor(probabilities * STEPS + 1e-9).astype(np.int64), 0, STEPS - 1)
    found, answered = [], []
    for column in range(truth.shape[1]):
        true_rows = np.bincount(bins[truth[:, column], column], minlength=STEPS)
        all_rows = np.bincount(bins[:, column], minlength=STEPS)
        found.append(true_rows[::-1].cumsum()[::-1][1:])
        answered.append(all_rows[::-1].cumsum()[::-1][1:])
    return np.array(found, dtype=np.float64), np.array(answered, dtype=np.float64)


def _middle_of_best(f1: np.ndarray) -> int:
    """Give the middle of the first run of thresholds that are as good as the best: no row is near its edges."""
    is_best = f1 >= f1.max() - 1e-12
    first = int(is_best.argmax())
    rest = is_best[first:]
    length = len(rest) if rest.all() else int((~rest).argmax())
    return first + (length - 1) // 2
