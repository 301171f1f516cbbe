"""What is removed from a store: what is old, and what is about somebody who wants it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from metier.monitoring.store.tables import ANSWERS, ERASED, FINDINGS, MESSAGES, REFUSED, UNANSWERED

AT_ONCE = 500  # Messages; who writes waits no longer than they take.


def erase(connection: Connection, digest: str, *, at: datetime) -> int:
    """Remove messages and answers of a subject, and give how many messages; what still comes from before is not stored.

    Their texts are taken out of what findings quote, too.
    """
    connection.execute(delete(ERASED).where(ERASED.c.subject == digest))
    connection.execute(insert(ERASED).values(subject=digest, at=at.timestamp()))
    own = connection.execute(
        select(MESSAGES.c.number, MESSAGES.c.text).where(MESSAGES.c.subject == digest)
    ).all()
    _remove_examples(connection, [row.text for row in own if row.text])
    numbers = [row.number for row in own]
    for start in range(0, len(numbers), AT_ONCE):
        _remove(connection, numbers[start : start + AT_ONCE])
    return len(numbers)


def _remove_examples(connection: Connection, texts: Sequence[str]) -> None:
    """Remove texts from what findings quote."""
    if not texts:
        return
    for row in connection.execute(select(FINDINGS.c.number, FINDINGS.c.facts)).all():
        quoted = row.facts.get("examples", [])
        kept = [one for one in quoted if not any(text.startswith(str(one)) for text in texts)]
        if len(kept) < len(quoted):
            facts = {**row.facts, "examples": kept}
            connection.execute(update(FINDINGS).where(FINDINGS.c.number == row.number).values(facts=facts))


def remove_some(connection: Connection, time: datetime) -> int:
    """Remove the first messages older than a time, at most `AT_ONCE`, and give how many.

    What findings that were raised before quote is removed, too.
    """
    old = select(MESSAGES.c.number).where(MESSAGES.c.at < time.timestamp()).limit(AT_ONCE)
    numbers = connection.execute(old).scalars().all()
    _remove(connection, numbers)
    connection.execute(delete(REFUSED).where(REFUSED.c.received < time.timestamp()))
    if len(numbers) < AT_ONCE:
        _remove_quotes(connection, time)
    return len(numbers)


def _remove(connection: Connection, numbers: Sequence[int]) -> None:
    for table in (ANSWERS, UNANSWERED):
        connection.execute(delete(table).where(table.c.message.in_(numbers)))
    connection.execute(delete(MESSAGES).where(MESSAGES.c.number.in_(numbers)))


def _remove_quotes(connection: Connection, time: datetime) -> None:
    """Remove all that old findings quote: no text is kept for longer than the messages."""
    old = select(FINDINGS.c.number, FINDINGS.c.facts).where(FINDINGS.c.raised < time.timestamp())
    for row in connection.execute(old).all():
        if row.facts.get("examples"):
            facts = {**row.facts, "examples": []}
            connection.execute(update(FINDINGS).where(FINDINGS.c.number == row.number).values(facts=facts))
