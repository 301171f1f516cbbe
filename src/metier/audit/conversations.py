"""Conversations that can be read and still teach badly: begun by the assistant, or with nothing said in a turn."""

from collections.abc import Iterator

from metier.audit.finding import Finding, count_of, examples_of, positions_of
from metier.data.rows import Rows


def check_conversations(rows: Rows) -> Iterator[Finding]:
    """Find conversations that the assistant begins, and turns in which nothing is said."""
    if rows.roles.messages is None:
        return
    begun, silent = [], []
    for row, messages in enumerate(rows.column("messages")):
        first = next((turn["role"] for turn in messages or () if turn["role"] != "system"), None)
        if first == "assistant":
            begun.append(row)
        if any(not turn["content"].strip() for turn in messages or ()):
            silent.append(row)
    for name, positions, what, remedy in (
        (
            "assistant-begins",
            begun,
            "begun by the assistant, which many chat models refuse",
            "put a system turn or what the user said before it",
        ),
        (
            "empty-turns",
            silent,
            "with a turn in which nothing is said",
            "fill these turns in, or leave them out",
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
