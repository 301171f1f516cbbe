"""Why pieces of sources were refused, and why messages have no answer."""

from typing import Any

from sqlalchemy import Connection, select

from metier.monitoring.store.tables import MESSAGES, REFUSED, UNANSWERED


def refused_pieces(connection: Connection, most: int) -> list[dict[str, Any]]:
    """Give what was refused last, the newest first: source, place, reason and the masked beginning."""
    query = (
        select(REFUSED.c.source, REFUSED.c.place, REFUSED.c.reason, REFUSED.c.excerpt)
        .order_by(REFUSED.c.number.desc())
        .limit(most)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def missing_answers(connection: Connection, most: int) -> list[dict[str, Any]]:
    """Give the messages without an answer, the newest first: source, id, bundle and reason."""
    query = (
        select(MESSAGES.c.source, MESSAGES.c.id, UNANSWERED.c.bundle, UNANSWERED.c.reason)
        .join_from(UNANSWERED, MESSAGES, UNANSWERED.c.message == MESSAGES.c.number)
        .order_by(MESSAGES.c.number.desc(), UNANSWERED.c.bundle)
        .limit(most)
    )
    return [dict(row) for row in connection.execute(query).mappings()]
