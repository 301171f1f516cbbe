"""What a row asks as a whole: rows that ask the same are the same, whatever else stands in them."""

from collections.abc import Sequence
from typing import Any

from metier.data.rows import Rows


def asks_one_text(rows: Rows) -> bool:
    """Whether a row's text is all that it asks: no other side, no question, no marked entities, no conversation."""
    roles = rows.roles
    return not any((roles.text_pair, roles.question, roles.head, roles.tail, roles.messages))


def asked(rows: Rows) -> Sequence[str]:
    """Give what each row asks as one text; two entities of one sentence are another question than two others."""
    if rows.roles.head is None or rows.roles.tail is None:
        return rows.whole_inputs
    entities = zip(rows.column("head"), rows.column("tail"), strict=True)
    places = (f"{_place(head)} {_place(tail)}" for head, tail in entities)
    return [f"{text}\n{place}" for text, place in zip(rows.texts, places, strict=True)]


def _place(entity: dict[str, Any] | None) -> str:
    return "" if entity is None else f"{entity['start']}-{entity['end']}"


def labels_of_rows(rows: Rows) -> list[list[str]] | None:
    """Give the labels of each row: its one, its set, or the types of its spans; None where rows have none of these.

    A row that nobody labelled has an empty list. The lists are to be read only: rows share them.
    """
    if rows.roles.label is not None:
        labels = rows.column("label")
        # One list a label, not one a row: millions of rows have few labels.
        alone = {label: [] if label is None else [label] for label in set(labels)}
        return [alone[label] for label in labels]
    if rows.roles.labels is not None:
        return [labels or [] for labels in rows.column("labels")]
    if rows.roles.spans is not None:
        return [[span["label"] for span in spans or ()] for spans in rows.column("spans")]
    return None
