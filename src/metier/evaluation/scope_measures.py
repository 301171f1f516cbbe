"""How well a score tells rows that no label fits (out of scope) from those that one does, with intervals.

AUROC is the chance that a row out of scope has the higher score; AUPR takes the rows out of scope as positive. FPR at 95 is
the share of rows out of scope that are taken for in scope by the cut that keeps 95 % of the rows in scope, and
recall at 95 what is left of 1: both by the cut of these very rows, as the literature states them, so they say nothing of a
cut that was chosen before.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import betaincinv
from sklearn.metrics import average_precision_score, roc_auc_score

from metier.errors import EmptyDataError
from metier.evaluation.intervals import Interval

RESAMPLES = 500
KEPT = 0.95

Measured = Callable[[np.ndarray, np.ndarray], float]


def auroc(inside: np.ndarray, outside: np.ndarray) -> float:
    """Give the chance that a row out of scope has a higher score than one in scope, 0 to 1; ties count half."""
    return float(roc_auc_score(*_together(inside, outside)))


def aupr(inside: np.ndarray, outside: np.ndarray) -> float:
    """Give the average precision of rows out of scope, 0 to 1; equal scores are taken together."""
    return float(average_precision_score(*_together(inside, outside)))


def _together(inside: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give whether each row is out of scope, and its score."""
    is_outside = np.concatenate([np.zeros(len(inside)), np.ones(len(outside))])
    return is_outside, np.concatenate([inside, outside])


def recall_at_kept(inside: np.ndarray, outside: np.ndarray, *, kept: float = KEPT) -> float:
    """Give the share of rows out of scope above the cut that keeps that share of these rows in scope."""
    return float((outside > cut_that_keeps(inside, kept)).mean())


def fpr_at_kept(inside: np.ndarray, outside: np.ndarray) -> float:
    """Give the share of rows out of scope that are taken for in scope where 95 % of those in scope are kept."""
    return 1.0 - recall_at_kept(inside, outside)


def cut_that_keeps(inside: np.ndarray, kept: float) -> float:
    """Give the lowest score at or below which so large a share of these rows lies."""
    ordered = np.sort(inside)
    rank = int(np.ceil(kept * len(ordered) - 1e-9))
    return float(ordered[min(max(rank, 1), len(ordered)) - 1])


SCOPE_MEASURES: dict[str, Measured] = {
    "auroc": auroc,
    "aupr": aupr,
    "fpr_at_95": fpr_at_kept,
    "recall_at_95": recall_at_kept,
}


def measure_scope(
    name: str,
    inside: np.ndarray,
    outside: np.ndarray,
    *,
    random_state: int = 0,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Interval:
    """Give a measure of `SCOPE_MEASURES` with its interval: percentiles of the bootstrap of either sort of rows by itself.

    Parameters
    ----------
    inside, outside : ndarray of shape (n_rows,)
        Scores of rows in scope and of rows out of scope; the higher, the less in scope.

    Raises
    ------
    EmptyDataError
        If there are no rows of one sort.
    """
    if not len(inside) or not len(outside):
        raise EmptyDataError(
            f"What is out of scope is measured on rows in scope and rows out of scope; found {len(inside)} and "
            f"{len(outside)}. Give rows of both."
        )
    measured, rng = SCOPE_MEASURES[name], np.random.default_rng(random_state)
    drawn = [
        measured(rng.choice(inside, len(inside)), rng.choice(outside, len(outside))) for _ in range(resamples)
    ]
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(measured(inside, outside), float(low), float(high))


def share_interval(hits: int, rows: int, *, level: float = 0.95) -> Interval:
    """Give a share with its exact binomial interval (Clopper and Pearson, 1934); of no rows from 0 to 1."""
    tail = (1 - level) / 2
    low = float(betaincinv(hits, rows - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, rows - hits, 1 - tail)) if hits < rows else 1.0
    return Interval(hits / rows if rows else 0.0, low, high)
