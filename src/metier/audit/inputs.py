"""The whole input of a row: rows with equal inputs are duplicates, whatever their other columns hold."""

from collections.abc import Sequence
from typing import Any

from metier.data.rows import Rows


def has_single_text_input(rows: Rows) -> bool:
    """Whether the text is the whole input: no text pair, question, marked entities or conversation."""
    roles = rows.roles
    return not any((roles.text_pair, roles.question, roles.head, roles.tail, roles.messages))


def inputs_of(rows: Rows) -> Sequence[str]:
    """Give the whole input of each row as one text; for relations, the offsets of the two entities are part of it."""
    if rows.roles.head is None or rows.roles.tail is None:
        return rows.whole_inputs
    entities = zip(rows.column("head"), rows.column("tail"), strict=True)
    offsets = (f"{_offsets(head)} {_offsets(tail)}" for head, tail in entities)
    return [f"{text}\n{both}" for text, both in zip(rows.texts, offsets, strict=True)]


def _offsets(entity: dict[str, Any] | None) -> str:
    return "" if entity is None else f"{entity['start']}-{entity['end']}"


def labels_of_rows(rows: Rows) -> list[list[str]] | None:
    """Give the labels of each row: its label, its label set, or the types of its spans; None without such a column.

    An unlabelled row has an empty list. Do not modify the lists: rows share them.
    """
    if rows.roles.label is not None:
        labels = rows.column("label")
        # One list per label, not per row: millions of rows have few labels.
        single = {label: [] if label is None else [label] for label in set(labels)}
        return [single[label] for label in labels]
    if rows.roles.labels is not None:
        return [labels or [] for labels in rows.column("labels")]
    if rows.roles.spans is not None:
        return [[span["label"] for span in spans or ()] for spans in rows.column("spans")]
    return None
