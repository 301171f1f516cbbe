"""Decided rows as others read them: as training rows, and as labels by which a watch measures accuracy."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from metier.continual.queue.candidates import WATCH
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


def audit_labels(items: Sequence[Item]) -> pa.Table:
    """Give source, id and label of the decided messages that came in drawn by chance: what `audit_labels` of a watch names.

    Rows that a strategy chose, and those of other sources, are left out: they measure nothing.

    Raises
    ------
    EmptyDataError
        If there are none.
    """
    own = [
        one
        for one in items
        if one.is_audit and one.source.startswith(WATCH) and one.answer is not None and "label" in one.answer
    ]
    if not own:
        raise EmptyDataError(
            "No message that a watch drew by chance has a decided label. Add messages with: metier queue QUEUE STORE; "
            "they come in drawn by chance where the watch has an audit_fraction. Then label them with: "
            "metier label --queue QUEUE"
        )
    return pa.table(
        {
            "source": [one.source.removeprefix(WATCH) for one in own],
            "id": [one.id for one in own],
            "label": [str(one.answer["label"]) for one in own if one.answer is not None],
        }
    )


def _value(item: Item, kind: Kind) -> Any:
    assert item.answer is not None
    value = item.answer[kind]
    if kind == "spans":
        return [{"start": start, "end": end, "label": label} for start, end, label in value]
    return value
