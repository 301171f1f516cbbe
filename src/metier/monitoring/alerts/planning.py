"""What is to be sent: of findings, silences and what was sent before, rows of the outbox.

For each receiver a finding is due where it goes on, is neither silenced nor acknowledged, and was not yet sent, or was sent
as less grave, or so long ago that it is repeated; and where it has ended after it was sent. What is due in one group waits
together for others, then goes out as one delivery.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, insert, or_, select, update

from metier.monitoring.alerts.notices import Told, series_json, told_of
from metier.monitoring.alerts.receiver import ReceiverSettings
from metier.monitoring.alerts.settings import AlertSettings
from metier.monitoring.alerts.silencing import Silence, is_silenced, silences_since
from metier.monitoring.store.tables import DELIVERIES, FINDINGS, TOLD

WAITING = "waiting"
GRAVENESS = {"info": 0, "warning": 1, "critical": 2}
LONGEST_KEY = 200
DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Standing:
    """A finding, and whether somebody has taken it on."""

    told: Told
    is_acknowledged: bool


@dataclass(frozen=True)
class _Round:
    """What planning looks at in one transaction."""

    connection: Connection
    settings: AlertSettings
    standing: Sequence[Standing]
    silences: Sequence[Silence]
    now: float


def plan(connection: Connection, settings: AlertSettings, now: float) -> int:
    """Write what is due into the outbox, and give how many findings that were, each counted for each receiver."""
    earliest = now - settings.tell_within_days * DAY_SECONDS
    standing, silences = _standing(connection, earliest), silences_since(connection, earliest)
    this = _Round(connection, settings, standing, silences, now)
    return sum(_plan_for(this, one) for one in settings.receivers)


def _standing(connection: Connection, earliest: float) -> list[Standing]:
    """Give the findings that go on, and those that have ended of late."""
    wanted = or_(FINDINGS.c.ended.is_(None), FINDINGS.c.ended >= earliest)
    rows = connection.execute(
        select(FINDINGS).where(FINDINGS.c.raised >= earliest).where(wanted).order_by(FINDINGS.c.number)
    )
    told_before = connection.execute(
        select(FINDINGS)
        .where(FINDINGS.c.raised < earliest)
        .where(FINDINGS.c.number.in_(select(TOLD.c.finding).where(TOLD.c.over.is_(None))))
        .order_by(FINDINGS.c.number)
    )
    found = [*told_before.mappings(), *rows.mappings()]
    return [Standing(told_of(row), row["acknowledged"] is not None) for row in found]


def _plan_for(this: _Round, receiver: ReceiverSettings) -> int:
    before = _told_before(this, receiver.called)
    due = defaultdict(list)
    for one in this.standing:
        known = before.get(one.told.number)
        if _is_due(this, one, known, receiver):
            due[group_key(one.told, this.settings.group_by)].append(one.told)
            _note(this, receiver.called, one.told, known)
    for key, found in due.items():
        _put(this, receiver.called, key, found)
    return sum(map(len, due.values()))


def _told_before(this: _Round, receiver: str) -> Mapping[int, RowMapping]:
    earliest = min((one.told.number for one in this.standing), default=0)
    known = select(TOLD).where(TOLD.c.receiver == receiver, TOLD.c.finding >= earliest)
    return {row["finding"]: row for row in this.connection.execute(known).mappings()}


def _is_due(this: _Round, one: Standing, known: RowMapping | None, receiver: ReceiverSettings) -> bool:
    told = one.told
    if known is not None and told.ended is not None:
        return receiver.tells_ended and known["over"] is None
    if not receiver.wants(told) or one.is_acknowledged or is_silenced(told, this.silences, this.now):
        return False
    if known is None:
        return True
    if GRAVENESS[told.severity] > GRAVENESS[known["severity"]]:
        return True
    return bool(known["told"] + this.settings.repeat_hours * 3_600 <= this.now)


def _note(this: _Round, receiver: str, told: Told, known: RowMapping | None) -> None:
    now = this.now
    over = None if told.ended is None else now
    if known is None:
        values = {"receiver": receiver, "finding": told.number, "times": 1}
        values |= {"told": now, "severity": told.severity, "over": over}
        this.connection.execute(insert(TOLD).values(**values))
        return
    own = (TOLD.c.receiver == receiver) & (TOLD.c.finding == told.number)
    changed = {"told": now, "severity": told.severity, "times": known["times"] + 1, "over": over}
    this.connection.execute(update(TOLD).where(own).values(**changed))


def group_of(told: Told, group_by: Iterable[str]) -> dict[str, str]:
    """Give the values that a finding has of what alarms are grouped by."""
    own = {"kind": told.kind, **told.series}
    return {name: own[name] for name in group_by if name in own}


def group_key(told: Told, group_by: Iterable[str]) -> str:
    """Give the name of a finding's group in the outbox."""
    return series_json(group_of(told, group_by))[:LONGEST_KEY]


def _put(this: _Round, receiver: str, key: str, found: Sequence[Told]) -> None:
    """Add findings to what waits for the group and was not yet tried, else to new rows that wait for others.

    What stands in a row that waits is in it already: how it stands is read when the row is sent.
    """
    left = [one.number for one in found]
    waiting = this.connection.execute(
        select(DELIVERIES.c.number, DELIVERIES.c.findings, DELIVERIES.c.attempts)
        .where(DELIVERIES.c.receiver == receiver, DELIVERIES.c.group_key == key)
        .where(DELIVERIES.c.status == WAITING)
        .order_by(DELIVERIES.c.number)
    ).all()
    for row in waiting:
        left = [number for number in left if number not in row.findings]
    for row in waiting:
        if row.attempts:
            continue
        taken, left = _filled(row.findings, left, this.settings.most_together)
        if len(taken) > len(row.findings):
            this.connection.execute(
                update(DELIVERIES).where(DELIVERIES.c.number == row.number).values(findings=taken)
            )
    while left:
        taken, left = _filled([], left, this.settings.most_together)
        this.connection.execute(
            insert(DELIVERIES).values(
                receiver=receiver,
                group_key=key,
                findings=taken,
                status=WAITING,
                attempts=0,
                next_attempt=this.now + this.settings.group_wait_seconds,
                made=this.now,
            )
        )


def _filled(taken: Sequence[int], left: Sequence[int], most: int) -> tuple[list[int], list[int]]:
    room = max(most - len(taken), 0)
    return [*taken, *left[:room]], list(left[room:])
