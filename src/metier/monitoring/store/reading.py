"""What is read of a store."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, func, select

from metier.monitoring.copies import sketch_length
from metier.monitoring.messages import Position
from metier.monitoring.store.tables import ANSWERS, MESSAGES, POSITIONS, REFUSED, UNANSWERED

IDS_AT_ONCE = 500  # SQLite takes some thousands of parameters.


@dataclass(frozen=True)
class WatchedMessage:
    """A message of the store.

    Parameters
    ----------
    number : int
    source, id : str
    at, received : datetime
        When it was written and stored, in UTC.
    text : str or None
        Masked; None: no texts are kept.
    by : mapping of str to str
    copy_of : int or None
        The number of the original that it nearly repeats.
    is_late, is_audit : bool
    answers : mapping of str to list of dict
        By the name of the bundle: `version`, `label`, `confidence`, `out_of_scope` and `answer`, one for each version.
    """

    number: int
    source: str
    id: str
    at: datetime
    received: datetime
    text: str | None
    by: Mapping[str, str]
    copy_of: int | None
    is_late: bool
    is_audit: bool
    answers: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceState:
    """What is stored of a source: where to go on, when a batch was stored last, and when its latest message was written."""

    position: Position
    stored: datetime
    latest: datetime | None


def known_ids(connection: Connection, source: str, ids: Sequence[str]) -> set[str]:
    """Give those of the ids that are stored."""
    found: set[str] = set()
    for at in range(0, len(ids), IDS_AT_ONCE):
        asked = select(MESSAGES.c.id).where(
            MESSAGES.c.source == source, MESSAGES.c.id.in_(ids[at : at + IDS_AT_ONCE])
        )
        found.update(connection.execute(asked).scalars())
    return found


def messages(
    connection: Connection, *, since: datetime | None, until: datetime | None, after: int, most: int
) -> list[WatchedMessage]:
    """Give messages with their answers, in the order of storing."""
    asked = select(MESSAGES).where(MESSAGES.c.number > after).order_by(MESSAGES.c.number).limit(most)
    if since is not None:
        asked = asked.where(MESSAGES.c.at >= since.timestamp())
    if until is not None:
        asked = asked.where(MESSAGES.c.at < until.timestamp())
    rows = connection.execute(asked).all()
    if not rows:
        return []
    own = [row.number for row in rows]
    answers: dict[int, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for at in range(0, len(own), IDS_AT_ONCE):
        some = select(ANSWERS).where(ANSWERS.c.message.in_(own[at : at + IDS_AT_ONCE]))
        for row in connection.execute(some):
            answers[row.message][row.bundle].append(_answer(row))
    return [_message(row, answers.get(row.number, {})) for row in rows]


def count_messages(connection: Connection, *, since: datetime | None) -> int:
    """Give how many messages there are, or were written at a time or later."""
    asked = select(func.count()).select_from(MESSAGES)
    if since is not None:
        asked = asked.where(MESSAGES.c.at >= since.timestamp())
    return int(connection.execute(asked).scalar_one())


def originals(connection: Connection, most: int) -> tuple[np.ndarray, list[float], list[int]]:
    """Give sketches, times and numbers of the last originals, the earliest first."""
    asked = (
        select(MESSAGES.c.sketch, MESSAGES.c.at, MESSAGES.c.number)
        .where(MESSAGES.c.sketch.is_not(None))
        .order_by(MESSAGES.c.number.desc())
        .limit(most)
    )
    rows = connection.execute(asked).all()[::-1]
    sketched = np.frombuffer(b"".join(row.sketch for row in rows), dtype=np.uint16).reshape(-1, sketch_length())
    return sketched, [row.at for row in rows], [row.number for row in rows]


def sources(connection: Connection) -> dict[str, SourceState]:
    """Give what is stored of each source."""
    return {
        row.source: SourceState(
            row.position, moment(row.stored), None if row.latest is None else moment(row.latest)
        )
        for row in connection.execute(select(POSITIONS).order_by(POSITIONS.c.source))
    }


def figures(connection: Connection) -> dict[str, int]:
    """Give how many there are of what is in the store."""
    counted = select(
        func.count(),
        func.count(MESSAGES.c.copy_of),
        func.count().filter(MESSAGES.c.is_late),
        func.count().filter(MESSAGES.c.is_audit),
    ).select_from(MESSAGES)
    n, copies, late, audit = connection.execute(counted).one()
    refused = connection.execute(select(func.count()).select_from(REFUSED)).scalar_one()
    unanswered = connection.execute(select(func.count()).select_from(UNANSWERED)).scalar_one()
    return {
        "messages": n,
        "copies": copies,
        "late": late,
        "audit": audit,
        "refused": refused,
        "unanswered": unanswered,
    }


def moment(seconds: float) -> datetime:
    """Give a time of the store in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def _message(row: Row[Any], answers: Mapping[str, list[dict[str, Any]]]) -> WatchedMessage:
    kept = {
        name: value
        for name, value in row._mapping.items()
        if name not in ("at", "received", "subject", "sketch")
    }
    return WatchedMessage(**kept, at=moment(row.at), received=moment(row.received), answers=dict(answers))


def _answer(row: Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name not in ("message", "bundle")}
