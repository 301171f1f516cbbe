"""The list of alarms that people work through, and who has taken one on."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping, select, update

from metier.errors import CallError
from metier.monitoring.alerts.notices import Told, told_of
from metier.monitoring.alerts.outbox import DEAD
from metier.monitoring.alerts.planning import WAITING
from metier.monitoring.alerts.silencing import Silence, is_silenced, silences_since
from metier.monitoring.store.tables import DELIVERIES, FINDINGS
from metier.text.normalisation import replace_surrogates

LONGEST_COMMENT = 2_000
MOST_NUMBER = 2**63 - 1  # That databases take.


@dataclass(frozen=True)
class Listed:
    """An alarm in the list.

    Parameters
    ----------
    acknowledged : datetime or None
    by, comment : str
    silenced_until : datetime or None
    undelivered : tuple of str
        Receivers to which a delivery of it is dead, or waits after a try.
    """

    told: Told
    acknowledged: datetime | None
    by: str
    comment: str
    silenced_until: datetime | None
    undelivered: tuple[str, ...]


def acknowledge(connection: Connection, number: int, *, by: str, comment: str, now: float) -> None:
    """Say that somebody has taken an alarm on: it is not repeated, and its end is still told.

    Raises
    ------
    CallError
        If there is no such alarm, or somebody has taken it on already.
    """
    asked = select(FINDINGS).where(FINDINGS.c.number == number)
    row = connection.execute(asked).mappings().first() if 0 < number <= MOST_NUMBER else None
    if row is None:
        raise CallError(f"There is no alarm {number}. List them with metier watch alarms SETTINGS.")
    if row["acknowledged"] is not None:
        raise CallError(
            f"Alarm {number} was acknowledged by {row['acknowledged_by']!r} already. Nothing was changed."
        )
    told = {"acknowledged_by": replace_surrogates(by), "comment": replace_surrogates(comment)[:LONGEST_COMMENT]}
    values = {"acknowledged": now, **told}
    connection.execute(update(FINDINGS).where(FINDINGS.c.number == number).values(**values))


def listed(connection: Connection, now: float, *, with_ended: bool = False, most: int = 100) -> list[Listed]:
    """Give the alarms, the newest first.

    Parameters
    ----------
    with_ended : bool, default=False
        Whether those that are over are among them.
    """
    query = select(FINDINGS).order_by(FINDINGS.c.raised.desc(), FINDINGS.c.number.desc()).limit(most)
    if not with_ended:
        query = query.where(FINDINGS.c.ended.is_(None))
    silences = silences_since(connection, now)
    undelivered = _undelivered(connection)
    return [
        _listed(row, silences, undelivered.get(row["number"], ()), now)
        for row in connection.execute(query).mappings()
    ]


def _listed(row: RowMapping, silences: list[Silence], undelivered: tuple[str, ...], now: float) -> Listed:
    told = told_of(row)
    ends = [one.ends for one in silences if is_silenced(told, [one], now)]
    return Listed(
        told=told,
        acknowledged=_moment(row["acknowledged"]),
        by=row["acknowledged_by"] or "",
        comment=row["comment"] or "",
        silenced_until=_moment(max(ends, default=None)),
        undelivered=undelivered,
    )


def _undelivered(connection: Connection) -> dict[int, tuple[str, ...]]:
    wanted = (DELIVERIES.c.status == DEAD) | ((DELIVERIES.c.status == WAITING) & (DELIVERIES.c.attempts > 0))
    found: dict[int, tuple[str, ...]] = {}
    for row in connection.execute(select(DELIVERIES.c.receiver, DELIVERIES.c.findings).where(wanted)):
        for number in row.findings:
            found[number] = tuple(sorted({*found.get(number, ()), row.receiver}))
    return found


def failed_deliveries(connection: Connection) -> list[RowMapping]:
    """Give the deliveries that are dead, or wait after a try that failed, the earliest first."""
    wanted = (DELIVERIES.c.status == DEAD) | ((DELIVERIES.c.status == WAITING) & (DELIVERIES.c.attempts > 0))
    return list(connection.execute(select(DELIVERIES).where(wanted).order_by(DELIVERIES.c.number)).mappings())


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
