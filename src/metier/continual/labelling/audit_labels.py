"""Decided labels of messages that a watch drew by chance, in the form in which the watch measures accuracy by them."""

from collections.abc import Sequence

import pyarrow as pa

from metier.continual.queue.candidates import WATCH
from metier.continual.queue.items import Item
from metier.errors import EmptyDataError


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
