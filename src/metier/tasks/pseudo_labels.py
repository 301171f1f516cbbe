"""Pseudo-labels: predicted labels of unlabelled rows, in the proportions of the labelled rows.

The surest rows of a model are mostly those of its easy labels; taken as they come, they would teach the next model that
the others hardly exist. So each label gets its own number of rows [1]_, the surest first, and none below a bar.

References
----------
.. [1] Zou et al., "Unsupervised domain adaptation for semantic segmentation via class-balanced self-training", 2018.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PseudoLabels:
    """Rows that were given a label.

    Parameters
    ----------
    positions, labels : ndarray of int64 of shape (n_chosen,)
        Which rows, and the column of the label of each.
    """

    positions: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)


def choose_pseudo_labels(
    probabilities: np.ndarray, truth: np.ndarray, *, confidence: float, growth: float
) -> PseudoLabels:
    """Choose rows for each label, the surest first.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_classes)
        Calibrated, of the unlabelled rows.
    truth : ndarray of int of shape (n_labelled,)
        Labels of the labelled rows.
    confidence : float
        Least probability of the label, 0 to 1.
    growth : float
        For each labelled row of a label at most so many unlabelled ones, at least one a label.
    """
    given, sureness = probabilities.argmax(axis=1), probabilities.max(axis=1)
    order = np.argsort(-sureness, kind="stable")
    order = order[sureness[order] >= confidence]
    by_label = order[np.argsort(given[order], kind="stable")]
    counts = np.bincount(given[by_label], minlength=probabilities.shape[1])
    rank = np.arange(len(by_label)) - np.repeat(np.cumsum(counts) - counts, counts)
    most = np.maximum(1, np.floor(growth * np.bincount(truth, minlength=probabilities.shape[1])))
    kept = np.sort(by_label[rank < most[given[by_label]]])
    return PseudoLabels(kept.astype(np.int64), given[kept].astype(np.int64))
