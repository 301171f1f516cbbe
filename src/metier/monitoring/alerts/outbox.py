"""The outbox: deliveries that wait, taken by one process at a time, and what became of each.

Whoever takes a delivery has it for a time; a process that is killed in between never says that it arrived, and the
delivery is taken again once that time is over. So each is sent at least once.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, delete, func, select, update

from metier.monitoring.alerts.notices import Told, told_of
from metier.monitoring.alerts.planning import WAITING
from metier.monitoring.alerts.settings import AlertSettings
from metier.monitoring.alerts.silencing import Silence, is_silenced, silences_since
from metier.monitoring.store.tables import DELIVERIES, FINDINGS, TOLD

SENT, DEAD, WITHHELD = "sent", "dead", "withheld"
MOST_AT_ONCE = 20  # Deliveries of one receiver in a round.
SPARE_SECONDS = 60.0  # Beside the deadlines, after which a delivery counts as left behind by a killed process.
LONGEST_PAUSE_SECONDS = 3_600.0
JITTER = 0.5  # Share of a pause that differs by delivery and try, so that not all knock at once.
MOST_ERROR = 500  # Characters of an error that is kept.


@dataclass(frozen=True)
class Taken:
    """A delivery that this process sends.

    Parameters
    ----------
    attempts : int
        Tries before this one.
    alerts : tuple of Told
        As they stand now; not empty.
    """

    number: int
    receiver: str
    attempts: int
    alerts: tuple[Told, ...]


def take(connection: Connection, settings: AlertSettings, now: float, *, free: Collection[str]) -> list[Taken]:
    """Take what is due of the receivers that are free.

    In each group only the earliest is taken: an end never overtakes its alarm.
    """
    _bury_nameless(connection, {one.called for one in settings.receivers})
    silences = silences_since(connection, now)
    seconds = {one.called: one.deadline_seconds for one in settings.receivers}
    taken: list[Taken] = []
    for row in _due(connection, now, free):
        alerts = _alerts(connection, row, silences, now)
        if alerts:
            until = now + seconds[row["receiver"]] * MOST_AT_ONCE + SPARE_SECONDS
            _change(connection, row["number"], next_attempt=until)
            taken.append(Taken(row["number"], row["receiver"], row["attempts"], alerts))
        else:
            _change(connection, row["number"], status=WITHHELD)
    return taken


def _due(connection: Connection, now: float, free: Collection[str]) -> list[RowMapping]:
    rows = connection.execute(
        select(DELIVERIES)
        .where(DELIVERIES.c.status == WAITING, DELIVERIES.c.receiver.in_(list(free)))
        .order_by(DELIVERIES.c.number)
    ).mappings()
    found: list[RowMapping] = []
    seen: set[tuple[str, str]] = set()
    counts: dict[str, int] = {}
    for row in rows:
        group = (row["receiver"], row["group_key"])
        if group not in seen and row["next_attempt"] <= now and counts.get(row["receiver"], 0) < MOST_AT_ONCE:
            found.append(row)
            counts[row["receiver"]] = counts.get(row["receiver"], 0) + 1
        seen.add(group)
    return found


def _alerts(
    connection: Connection, row: RowMapping, silences: Sequence[Silence], now: float
) -> tuple[Told, ...]:
    """Give the findings of a delivery but those that were silenced or acknowledged while it waited."""
    rows = connection.execute(
        select(FINDINGS).where(FINDINGS.c.number.in_(row["findings"])).order_by(FINDINGS.c.number)
    ).mappings()
    kept: list[Told] = []
    withheld: list[Told] = []
    for one in rows:
        told = told_of(one)
        is_taken_on = one["acknowledged"] is not None or is_silenced(told, silences, now)
        (withheld if told.ended is None and is_taken_on else kept).append(told)
    if withheld:
        # One that was never sent before is due anew once its silence is over.
        own = (TOLD.c.receiver == row["receiver"]) & TOLD.c.finding.in_([one.number for one in withheld])
        connection.execute(delete(TOLD).where(own, TOLD.c.times == 1))
        _change(connection, row["number"], findings=[one.number for one in kept])
    return tuple(kept)


def _bury_nameless(connection: Connection, known: Collection[str]) -> None:
    """Set aside what waits for receivers that are no longer in the settings."""
    connection.execute(
        update(DELIVERIES)
        .where(DELIVERIES.c.status == WAITING, DELIVERIES.c.receiver.not_in(list(known)))
        .values(status=DEAD, error="No receiver of this name is in the settings any more.")
    )


def settle_sent(connection: Connection, taken: Taken, now: float) -> None:
    """Say that a delivery arrived."""
    _change(connection, taken.number, status=SENT, sent=now, attempts=taken.attempts + 1, error=None)


def settle_failed(
    connection: Connection,
    taken: Taken,
    now: float,
    *,
    settings: AlertSettings,
    reason: str,
    is_final: bool = False,
    retry_after_seconds: float = 0.0,
) -> bool:
    """Say that a delivery did not arrive: it waits for another try, or is set aside as dead; gives whether it is dead."""
    attempts = taken.attempts + 1
    is_dead = is_final or attempts >= settings.tries
    pause = max(pause_seconds(taken.number, attempts, first=settings.first_pause_seconds), retry_after_seconds)
    _change(
        connection,
        taken.number,
        attempts=attempts,
        error=reason[:MOST_ERROR],
        status=DEAD if is_dead else WAITING,
        next_attempt=now + pause,
    )
    return is_dead


def give_back(connection: Connection, taken: Taken, now: float) -> None:
    """Leave a delivery, which was not tried, to the next round."""
    _change(connection, taken.number, next_attempt=now)


def pause_seconds(delivery: int, attempts: int, *, first: float) -> float:
    """Give the pause before the next try: doubled each time up to an hour, and spread by chance.

    The chance is a hash of the delivery and the try: the same each time.
    """
    whole = min(first * 2.0 ** min(attempts - 1, 40), LONGEST_PAUSE_SECONDS)
    digest = hashlib.sha256(f"{delivery}/{attempts}".encode()).digest()
    chance = int.from_bytes(digest[:4]) / 2**32
    return whole * (1 - JITTER * chance)


def send_again(connection: Connection, now: float, numbers: Iterable[int] | None = None) -> int:
    """Let dead deliveries wait for another round of tries; None: all of them. Gives how many."""
    wanted = DELIVERIES.c.status == DEAD
    if numbers is not None:
        wanted &= DELIVERIES.c.number.in_(list(numbers))
    found = connection.execute(
        update(DELIVERIES).where(wanted).values(status=WAITING, attempts=0, next_attempt=now, error=None)
    )
    return int(found.rowcount)


def tally(connection: Connection) -> Mapping[str, int]:
    """Give how many deliveries there are of each status."""
    found: dict[str, int] = dict.fromkeys((WAITING, SENT, DEAD, WITHHELD), 0)
    counts = select(DELIVERIES.c.status, func.count()).group_by(DELIVERIES.c.status)
    return found | {row.status: int(row[1]) for row in connection.execute(counts)}


def group_label(row: RowMapping) -> str:
    """Give the name of a delivery's group, for people."""
    return " · ".join(json.loads(row["group_key"]).values())


def _change(connection: Connection, number: int, **values: object) -> None:
    connection.execute(update(DELIVERIES).where(DELIVERIES.c.number == number).values(**values))
