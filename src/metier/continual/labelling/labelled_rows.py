"""Decided rows as training rows, in the form that `metier train` and `metier update` read."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from metier.continual.queue.items import Item, Kind
from metier.data.rows import COLUMN_TYPES
from metier.errors import EmptyDataError

COLUMNS = {"label": "label", "labels": "labels", "spans": "spans"}


def labelled_rows(items: Sequence[Item], kind: Kind) -> pa.Table:
    """Give the decided rows of a kind: text, answer, and where they come from.

    Raises
    ------
    EmptyDataError
        If no row was decided.
    """
    decided = [one for one in items if one.answer is not None and kind in one.answer]
    if not decided:
        raise EmptyDataError("No row of the queue is decided yet. Label some with: metier label --queue QUEUE")
    answers = [_value(one, kind) for one in decided]
    columns = {
        "text": pa.array([one.text for one in decided]),
        COLUMNS[kind]: pa.array(answers, type=COLUMN_TYPES.get(kind, pa.string())),
        "source": pa.array([one.source for one in decided]),
        "id": pa.array([one.id for one in decided]),
        "by": pa.array([one.decided_by for one in decided]),
        "drawn_by_chance": pa.array([one.is_audit for one in decided]),
    }
    return pa.table(columns)


def _value(item: Item, kind: Kind) -> Any:
    assert item.answer is not None
    value = item.answer[kind]
    if kind == "spans":
        return [{"start": start, "end": end, "label": label} for start, end, label in value]
    return value
