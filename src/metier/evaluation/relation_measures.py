"""Relations between two marked entities: one label a row, of which one may mean "none of these".

Truth and answers are one label a row.
"""

import re
from collections.abc import Sequence

import numpy as np

from metier.evaluation.negative_labels import find_negative_label
from metier.evaluation.row_statistics import (
    RowMeasure,
    by_kinds,
    count_found,
    count_found_by_kind,
    f1_value,
    macro_f1_value,
    nothing_missed,
)

OTHER = "Other"
_direction = re.compile(r"\(e[12],e[12]\)$")


def _relation(label: str) -> str:
    return _direction.sub("", label)


def _semeval_counts(truth: Sequence[str], predicted: Sequence[str]) -> np.ndarray:
    """Count right (with direction), true and answered rows of each relation, whichever its direction."""
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
    """Mean F1 over the relations that the truth holds, as the official scorer takes it."""
    by_relation = by_kinds(sums)
    is_there = by_relation[..., 1] > 0
    total = np.where(is_there, f1_value(by_relation), 0.0).sum(axis=-1)
    means: np.ndarray = total / np.maximum(is_there.sum(axis=-1), 1)
    return means


def relation_f1(average: str, *, negative: str | None = None) -> RowMeasure:
    """Make F1 over the labels that name a relation.

    Parameters
    ----------
    average : {"micro", "macro"}
        "micro": of all rows together; "macro": mean over labels.
    negative : str, default=None
        The label that says "none of these relations"; a row whose truth and answer both are it counts nowhere.
        None: the one that `evaluation.negative_labels` knows among the labels of the rows. Where there is none,
        micro-F1 is accuracy.
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
        return RowMeasure(name, micro, f1_value, is_right=nothing_missed)
    return RowMeasure(name, macro, macro_f1_value, is_right=nothing_missed)


# The official figure of SemEval-2010 task 8 (Hendrickx et al., 2010), scorer 1.2: nine relations, their
# direction counted, Other left out. A row with the right relation in the wrong direction is missed by its
# relation and a false alarm of the same relation.
SEMEVAL_F1 = RowMeasure("semeval_f1", _semeval_counts, _semeval_value, is_right=nothing_missed)

RELATION_MEASURES = (SEMEVAL_F1, relation_f1("micro"), relation_f1("macro"))
