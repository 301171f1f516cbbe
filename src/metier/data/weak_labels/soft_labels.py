"""Probabilities of labels as weighted rows, for methods that learn from hard labels."""

from dataclasses import dataclass

import numpy as np

LEAST = 0.05  # Smaller shares are noise, and rows cost time.


@dataclass(frozen=True)
class SoftRows:
    """Weighted rows: one for each sufficiently probable label of a row.

    Parameters
    ----------
    positions : ndarray of int64 of shape (n_soft_rows,)
        The original row of each.
    labels : ndarray of int64 of shape (n_soft_rows,)
        Column of the label.
    weights : ndarray of float64 of shape (n_soft_rows,)
        Its probability; the weights of one row sum to 1.
    """

    positions: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


def expand_soft_labels(probabilities: np.ndarray, *, least: float = LEAST) -> SoftRows:
    """Turn probabilities of labels into weighted rows, with the same gradient as their cross-entropy.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_labels)
    least : float, default=0.05
        Less probable labels are dropped; the most probable label of a row always stays.
    """
    kept = probabilities >= least
    kept[np.arange(len(kept)), probabilities.argmax(axis=1)] = True
    shares = np.where(kept, probabilities, 0.0)
    shares = shares / shares.sum(axis=1, keepdims=True)
    positions, labels = np.nonzero(kept)
    return SoftRows(positions.astype(np.int64), labels.astype(np.int64), shares[positions, labels])
