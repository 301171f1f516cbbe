"""Metrics of relations between two entities. One label may mean "none of these relations".

Truth and answers are one label per row.
"""

import re
from collections.abc import Sequence

import numpy as np

from metier.errors import DataError
from metier.evaluation.row_statistics import (
    RowMeasure,
    all_correct,
    by_kinds,
    count_found,
    count_found_by_kind,
    f1_value,
    macro_f1_value,
    shrunk_macro_f1_value,
)

OTHER = "Other"
_direction = re.compile(r"\(e[12],e[12]\)$")
# Spellings of the label "none of these relations"; the first that occurs is taken.
NEGATIVE_LABELS = (
    "no_relation",
    "no relation",
    "other",
    "none",
    "na",
    "n/a",
    "unknown",
    "unrelated",
    "negative",
    "无关系",
    "无",
    "其他",
    "未知",
)


def _relation(label: str) -> str:
    return _direction.sub("", label)


def _semeval_counts(truth: Sequence[str], predicted: Sequence[str]) -> np.ndarray:
    """Count correct (with direction), true and predicted rows of each relation in either direction."""
    relations = sorted({_relation(label) for label in [*truth, *predicted]} - {OTHER})
    column = {relation: number for number, relation in enumerate(relations)}
    counts = np.zeros((len(truth), len(relations), 3))
    for row, (true, answer) in enumerate(zip(truth, predicted, strict=True)):
        if true != OTHER:
            counts[row, column[_relation(true)], 0] = true == answer
            counts[row, column[_relation(true)], 1] = 1
        if answer != OTHER:
            counts[row, column[_relation(answer)], 2] = 1
    return counts.reshape(len(truth), -1)


def _semeval_value(sums: np.ndarray) -> np.ndarray:
    """Mean F1 over the relations in the truth, as in the official scorer."""
    by_relation = by_kinds(sums)
    is_there = by_relation[..., 1] > 0
    total = np.where(is_there, f1_value(by_relation), 0.0).sum(axis=-1)
    means: np.ndarray = total / np.maximum(is_there.sum(axis=-1), 1)
    return means


def relation_f1(average: str, *, negative: str | None = None) -> RowMeasure:
    """Make F1 over the labels that are relations.

    Parameters
    ----------
    average : {"micro", "macro"}
        "micro": of all rows together; "macro": mean over labels.
    negative : str, default=None
        The label that means "none of these relations"; rows where both truth and answer are this label are not
        counted. None: the label that `evaluation.relation_measures` finds. Without such a label micro-F1 is accuracy.
    """
    if average not in ("micro", "macro"):
        raise ValueError(f"Expected an average of 'micro' or 'macro', found {average!r}.")

    def as_sets(truth: Sequence[str], predicted: Sequence[str]) -> list[list[set[str]]]:
        none = negative or find_negative_label(sorted({*truth, *predicted}))
        return [[set() if label == none else {label} for label in labels] for labels in (truth, predicted)]

    def micro(truth: Sequence[str], predicted: Sequence[str]) -> np.ndarray:
        return count_found(*as_sets(truth, predicted))

    def macro(truth: Sequence[str], predicted: Sequence[str]) -> np.ndarray:
        sets = as_sets(truth, predicted)
        labels = sorted(set().union(*sets[0], *sets[1]))
        return count_found_by_kind(*sets, kind=str, kinds=labels)

    name = f"relation_{average}_f1"
    if average == "micro":
        return RowMeasure(name, micro, f1_value, is_correct=all_correct)
    return RowMeasure(name, macro, macro_f1_value, is_correct=all_correct, shrunk=shrunk_macro_f1_value)


# The official score of SemEval-2010 task 8 (Hendrickx et al., 2010), scorer 1.2: nine relations with direction,
# without Other. The correct relation in the wrong direction is both a false negative and a false positive of it.
SEMEVAL_F1 = RowMeasure(
    "semeval_f1", _semeval_counts, _semeval_value, is_correct=all_correct, shrunk=shrunk_macro_f1_value
)

RELATION_MEASURES = (SEMEVAL_F1, relation_f1("micro"), relation_f1("macro"))


def find_negative_label(labels: Sequence[str], *, stated: str | None = None) -> str | None:
    """Give the label that means no relation: the stated one, else the first known spelling, else None.

    Raises
    ------
    DataError
        If the stated label is not among the labels.
    """
    if stated is not None and stated not in labels:
        raise DataError(
            f"{stated!r} was named as the label of no relation, but the rows have: "
            f"{', '.join(map(repr, labels))}. Name one of these."
        )
    spelled = {str(label).strip().casefold(): label for label in labels}
    return stated or next((spelled[word] for word in NEGATIVE_LABELS if word in spelled), None)
