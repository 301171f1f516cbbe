"""Metrics of label sets: each row has any number of labels, or none.

Truth and answers are, for each row, a collection of labels; the ranking measure takes a mapping from
label to probability instead.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from metier.evaluation.row_statistics import (
    RowMeasure,
    all_correct,
    count_found,
    count_found_by_kind,
    f1_value,
    macro_f1_value,
    mean_of_rows,
    shrunk_macro_f1_value,
)

Labels = Collection[str]


def _counts_by_label(truth: Sequence[Labels], predicted: Sequence[Labels]) -> np.ndarray:
    labels = sorted({label for rows in (truth, predicted) for row in rows for label in row})
    return count_found_by_kind(truth, predicted, kind=str, kinds=labels)


def _is_same(true: Labels, answered: Labels) -> float:
    return float(set(true) == set(answered))


def _row_f1(true: Labels, answered: Labels) -> float:
    """F1 of one row; an empty answer where there is no label is 1 (0 by default in scikit-learn)."""
    both = len(set(true)) + len(set(answered))
    return 2 * len(set(true) & set(answered)) / both if both else 1.0


def ranking_precision(true: Labels, probabilities: Mapping[str, float]) -> float:
    """Average over true labels of the share of true ones among the labels that rank no lower [1]_, 0 to 1.

    Labels with the same probability share the worse rank. A row with no label or with every label is 1, as any
    ranking is correct.

    References
    ----------
    .. [1] Schapire and Singer, "BoosTexter", 2000; scikit-learn's label ranking average precision.
    """
    names = list(probabilities)
    is_true = np.isin(names, list(true))
    if is_true.all() or not is_true.any():
        return 1.0
    given = np.fromiter(probabilities.values(), dtype=np.float64)
    no_lower = given[None, :] >= given[is_true, None]
    return float(np.mean((no_lower & is_true).sum(axis=1) / no_lower.sum(axis=1)))


def as_mappings(probabilities: np.ndarray, labels: Sequence[str]) -> list[dict[str, float]]:
    """Give rows of probabilities of shape (n_rows, n_labels) as mappings from label to probability."""
    return [dict(zip(labels, row, strict=True)) for row in np.asarray(probabilities).tolist()]


LABEL_SET_MEASURES = (
    RowMeasure("set_micro_f1", count_found, f1_value, is_correct=all_correct),
    RowMeasure(
        "set_macro_f1", _counts_by_label, macro_f1_value, is_correct=all_correct, shrunk=shrunk_macro_f1_value
    ),
    mean_of_rows("set_samples_f1", _row_f1, correct_at_one=True),
    mean_of_rows("subset_accuracy", _is_same, correct_at_one=True),
    mean_of_rows("label_ranking_precision", ranking_precision, correct_at_one=True),
)
