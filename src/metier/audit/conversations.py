"""Conversations that are poor training data: begun by the assistant, or with an empty turn."""

from collections.abc import Iterator

from metier.audit.finding import Finding, count_of, examples_of, positions_of
from metier.data.rows import Rows


def check_conversations(rows: Rows) -> Iterator[Finding]:
    """Find conversations that the assistant begins, and empty turns."""
    if rows.roles.messages is None:
        return
    begun, empty = [], []
    for row, messages in enumerate(rows.column("messages")):
        first = next((turn["role"] for turn in messages or () if turn["role"] != "system"), None)
        if first == "assistant":
            begun.append(row)
        if any(not turn["content"].strip() for turn in messages or ()):
            empty.append(row)
    for name, positions, what, remedy in (
        (
            "assistant-begins",
            begun,
            "begun by the assistant, which many chat models refuse",
            "put a system or user turn before it",
        ),
        (
            "empty-turns",
            empty,
            "with an empty turn",
            "fill these turns in, or remove them",
        ),
    ):
        if positions:
            yield Finding(
                name,
                "warning",
                f"{count_of(len(positions), 'conversation')} {what}",
                positions_of(positions),
                rows.origin,
                examples_of(rows, positions),
                remedy,
            )
