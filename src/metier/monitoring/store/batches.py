"""A batch, written to the tables of a store within one transaction."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from metier.monitoring.answers import Answered, Unanswered
from metier.monitoring.store.stored import Counts, NewMessage, StoredBatch
from metier.monitoring.store.tables import (
    ANSWERS,
    COUNTS,
    ERASED,
    MESSAGES,
    POSITIONS,
    REFUSED,
    STATE,
    UNANSWERED,
)

LONGEST_PLACE, LONGEST_EXCERPT = 400, 200
# What the watch knows, by its names in the table of its state.
NEXT_NUMBER = "next_number"
VERSIONS = "versions"  # Which version of each bundle answers.


def write_batch(connection: Connection, batch: StoredBatch, subjects: Sequence[str | None]) -> None:
    """Write messages, answers, counts, what was refused and the position.

    Parameters
    ----------
    subjects : sequence of str or None
        The digest of each message's subject.
    """
    kept = _without_erased(connection, list(zip(batch.messages, subjects, strict=True)))
    received = batch.received.timestamp()
    _insert(connection, MESSAGES, [_message(one, subject, batch, received) for one, subject in kept])
    _insert(connection, ANSWERS, [row for one, _ in kept for row in _answers(one, batch)])
    _insert(connection, UNANSWERED, [row for one, _ in kept for row in _unanswered(one, batch)])
    add_counts(connection, _counted([one for one, _ in kept], batch))
    _write_refused(connection, batch, received)
    put(
        connection,
        POSITIONS,
        {
            "source": batch.source,
            "position": batch.position,
            "stored": received,
            "latest": batch.latest,
        },
    )
    if batch.messages:
        put(connection, STATE, {"name": NEXT_NUMBER, "value": batch.messages[-1].number + 1})


def put(connection: Connection, table: Table, row: dict[str, Any]) -> None:
    """Write a row, or over the one of its primary key."""
    keys = [column.name for column in table.primary_key]
    statement = _upsert(connection, table).values(row)
    others = {name: statement.excluded[name] for name in row if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others))


def add_counts(connection: Connection, counts: Counts) -> None:
    """Add counts to those that are there."""
    rows = counts.rows()
    if not rows:
        return
    statement = _upsert(connection, COUNTS)
    keys = [column.name for column in COUNTS.primary_key]
    sums = {
        column.name: column + statement.excluded[column.name]
        for column in COUNTS.columns
        if column.name not in keys
    }
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=sums), rows)


def state(connection: Connection, name: str) -> Any:
    """Give what the watch knows under a name; None: nothing."""
    return connection.execute(select(STATE.c.value).where(STATE.c.name == name)).scalar()


def _upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _without_erased(
    connection: Connection, given: list[tuple[NewMessage, str | None]]
) -> list[tuple[NewMessage, str | None]]:
    """Leave out messages about somebody who was erased since they were written."""
    erased = erased_since(connection, {subject for _, subject in given if subject is not None})
    return [
        (one, subject)
        for one, subject in given
        if subject not in erased or one.message.at.timestamp() > erased[subject]
    ]


def erased_since(connection: Connection, subjects: set[str]) -> dict[str | None, float]:
    """Give when those of the subjects who were erased were."""
    if not subjects:
        return {}
    found = connection.execute(select(ERASED.c.subject, ERASED.c.at).where(ERASED.c.subject.in_(subjects)))
    return {row.subject: row.at for row in found}


def _message(one: NewMessage, subject: str | None, batch: StoredBatch, received: float) -> dict[str, Any]:
    message = one.message
    return {
        "number": one.number,
        "source": message.source,
        "id": message.id,
        "at": message.at.timestamp(),
        "received": received,
        "text": message.text if batch.keeps_text else None,
        "by": dict(message.by),
        "subject": subject,
        "copy_of": one.copy_of,
        "is_late": one.is_late,
        "is_audit": one.is_audit,
        "sketch": one.sketch.tobytes() if one.copy_of is None else None,
    }


def _answers(one: NewMessage, batch: StoredBatch) -> list[dict[str, Any]]:
    return [
        answer_row(one.number, name, batch.versions[name], found, keeps_text=batch.keeps_text)
        for name, found in one.answers.items()
        if isinstance(found, Answered)
    ]


def answer_row(number: int, bundle: str, version: str, found: Answered, *, keeps_text: bool) -> dict[str, Any]:
    """Give the row of an answer; what it holds of the text is kept where the text is."""
    return {
        "message": number,
        "bundle": bundle,
        "version": version,
        "label": found.label,
        "confidence": found.confidence,
        "out_of_scope": found.out_of_scope,
        "counted_by": None if found.values == (found.label,) else list(found.values),
        "answer": None if found.answer is None or not keeps_text else dict(found.answer),
    }


def _unanswered(one: NewMessage, batch: StoredBatch) -> list[dict[str, Any]]:
    return [
        {"message": one.number, "bundle": name, "version": batch.versions[name], "reason": found.reason}
        for name, found in one.answers.items()
        if isinstance(found, Unanswered)
    ]


def _counted(messages: Sequence[NewMessage], batch: StoredBatch) -> Counts:
    counts = Counts(batch.by, batch.versions)
    for one in messages:
        is_copy = one.copy_of is not None
        counts.add(one.period, one.message.by, one.answers, is_late=one.is_late, is_copy=is_copy)
    return counts


def _write_refused(connection: Connection, batch: StoredBatch, received: float) -> None:
    rows = [
        {
            "source": one.source,
            "place": one.place[:LONGEST_PLACE],
            "reason": one.reason,
            "excerpt": one.excerpt[:LONGEST_EXCERPT],
            "received": received,
        }
        for one in batch.refused
    ]
    if rows:
        known = _upsert(connection, REFUSED).on_conflict_do_nothing(index_elements=["source", "place"])
        connection.execute(known, rows)
