"""Precision, recall and F1 of entities as in CoNLL-2003 and seqeval: correct only with exact boundaries and type.

Truth and answers are, for each row, a list of `[start, end, label]`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from metier.evaluation.row_statistics import (
    RowMeasure,
    all_correct,
    check_rows,
    count_found,
    count_found_by_kind,
    f1_value,
    macro_f1_value,
    precision_value,
    recall_value,
    shrunk_macro_f1_value,
)

Spans = Sequence[Sequence[Any]]
Entity = tuple[int, int, str]


def per_type(truth: Sequence[Spans], predicted: Sequence[Spans]) -> list[dict[str, Any]]:
    """Precision, recall, F1, and number of true and predicted entities of each type, sorted by name."""
    check_rows(truth, predicted)
    true_ones, answered = _entities(truth), _entities(predicted)
    types = _types(true_ones, answered)
    counts = count_found_by_kind(true_ones, answered, kind=_type_of, kinds=types)
    sums = counts.sum(axis=0).reshape(-1, 3)
    values = zip(
        types, precision_value(sums), recall_value(sums), f1_value(sums), sums[:, 1], sums[:, 2], strict=True
    )
    return [
        {
            "label": name,
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "entities": int(there),
            "answered": int(found),
        }
        for name, precision, recall, f1, there, found in values
    ]


def entity_f1(truth: Sequence[Spans], predicted: Sequence[Spans]) -> float:
    """Micro-averaged F1 over the entities of all rows, 0 to 1."""
    return float(f1_value(_counts(truth, predicted).sum(axis=0)))


def _entities(rows: Sequence[Spans]) -> list[set[Entity]]:
    return [{(int(start), int(end), str(label)) for start, end, label in spans} for spans in rows]


def _type_of(entity: Entity) -> str:
    return entity[2]


def _types(*sides: list[set[Entity]]) -> list[str]:
    return sorted({label for side in sides for spans in side for _, _, label in spans})


def _counts(truth: Sequence[Spans], predicted: Sequence[Spans]) -> np.ndarray:
    return count_found(_entities(truth), _entities(predicted))


def _counts_by_type(truth: Sequence[Spans], predicted: Sequence[Spans]) -> np.ndarray:
    true_ones, answered = _entities(truth), _entities(predicted)
    types = _types(true_ones, answered)
    return count_found_by_kind(true_ones, answered, kind=_type_of, kinds=types)


ENTITY_MEASURES = (
    RowMeasure("entity_f1", _counts, f1_value, is_correct=all_correct),
    RowMeasure("entity_precision", _counts, precision_value, is_correct=all_correct),
    RowMeasure("entity_recall", _counts, recall_value, is_correct=all_correct),
    RowMeasure(
        "entity_macro_f1", _counts_by_type, macro_f1_value, is_correct=all_correct, shrunk=shrunk_macro_f1_value
    ),
)
