"""Precision, recall and F1 of triples: two spans of a text and the relation from the first to the second.

Truth and answers are, for each row, a mapping with `spans`, a list of `[start, end, label]`, and `relations`, a list of
`[head, tail, label]` whose head and tail are places in `spans`. Strict: both spans with their edges and types, the
direction and the relation are correct, as Taillé et al. (2020, "Let's stop incorrect comparisons in end-to-end relation
extraction!", arXiv:2009.10684) call it. Relaxed: spans need only overlap and their types do not count.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from metier.evaluation.entity_measures import entity_f1
from metier.evaluation.row_statistics import (
    RowMeasure,
    all_correct,
    check_rows,
    count_found,
    count_found_by_kind,
    f1_value,
    precision_value,
    recall_value,
)

Row = Mapping[str, Sequence[Sequence[Any]]]
Span = tuple[int, int, str]
Triple = tuple[Span, Span, str]


def triples_of(row: Row) -> list[Triple]:
    """Give the triples of a row with their spans in full, each once, in order."""
    spans: list[Span] = [(int(start), int(end), str(label)) for start, end, label in row["spans"]]
    return list(dict.fromkeys((spans[head], spans[tail], str(label)) for head, tail, label in row["relations"]))


def per_relation(truth: Sequence[Row], predicted: Sequence[Row]) -> list[dict[str, Any]]:
    """Strict precision, recall, F1, and number of true and predicted triples of each relation, sorted by name."""
    check_rows(truth, predicted)
    true_ones, answered = _triples(truth), _triples(predicted)
    labels = sorted({triple[2] for row in (*true_ones, *answered) for triple in row})
    counts = count_found_by_kind(true_ones, answered, kind=_relation_of, kinds=labels)
    sums = counts.sum(axis=0).reshape(-1, 3)
    return [
        {
            "label": label,
            "precision": float(precision_value(own)),
            "recall": float(recall_value(own)),
            "f1": float(f1_value(own)),
            "entities": int(own[1]),
            "answered": int(own[2]),
        }
        for label, own in zip(labels, sums, strict=True)
    ]


def triple_f1(truth: Sequence[Row], predicted: Sequence[Row]) -> float:
    """Strict micro-averaged F1 over the triples of all rows, 0 to 1."""
    return float(f1_value(_strict(truth, predicted).sum(axis=0)))


def triple_entity_f1(truth: Sequence[Row], predicted: Sequence[Row]) -> float:
    """Micro-averaged F1 over the spans of all rows, whether or not they have a relation, 0 to 1."""
    return entity_f1([row["spans"] for row in truth], [row["spans"] for row in predicted])


def _triples(rows: Sequence[Row]) -> list[list[Triple]]:
    return [triples_of(row) for row in rows]


def _relation_of(triple: Triple) -> str:
    return triple[2]


def _strict(truth: Sequence[Row], predicted: Sequence[Row]) -> np.ndarray:
    return count_found(_triples(truth), _triples(predicted))


def _relaxed(truth: Sequence[Row], predicted: Sequence[Row]) -> np.ndarray:
    pairs = zip(_triples(truth), _triples(predicted), strict=True)
    counts = [(_matched(true, answered), len(true), len(answered)) for true, answered in pairs]
    return np.array(counts, dtype=np.float64).reshape(-1, 3)


def _matched(true: Sequence[Triple], answered: Sequence[Triple]) -> int:
    """Count answered triples that match a true one of their own; each takes the first that is still free."""
    free, found = list(true), 0
    for head, tail, label in answered:
        for place, (true_head, true_tail, true_label) in enumerate(free):
            if label == true_label and _overlap(head, true_head) and _overlap(tail, true_tail):
                del free[place]
                found += 1
                break
    return found


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _spans(truth: Sequence[Row], predicted: Sequence[Row]) -> np.ndarray:
    sides = [[_span_set(row) for row in rows] for rows in (truth, predicted)]
    return count_found(*sides)


def _span_set(row: Row) -> set[Hashable]:
    return {(int(start), int(end), str(label)) for start, end, label in row["spans"]}


TRIPLE_MEASURES = (
    RowMeasure("triple_f1", _strict, f1_value, is_correct=all_correct),
    RowMeasure("triple_precision", _strict, precision_value, is_correct=all_correct),
    RowMeasure("triple_recall", _strict, recall_value, is_correct=all_correct),
    RowMeasure("triple_relaxed_f1", _relaxed, f1_value, is_correct=all_correct),
    RowMeasure("triple_entity_f1", _spans, f1_value, is_correct=all_correct),
)
