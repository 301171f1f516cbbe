"""Silences: for a time, alarms of a kind or of some series are sent to nobody; they stay in the list."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from metier.errors import CallError
from metier.monitoring.alerts.notices import Told
from metier.monitoring.store.tables import SILENCES
from metier.text.normalisation import replace_surrogates

LONGEST_SECONDS = 366 * 86_400.0
UNITS = {"m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_duration = re.compile(r"(\d+(?:\.\d+)?)\s*([mhdw])").fullmatch


@dataclass(frozen=True)
class Silence:
    """Who has silenced what until when.

    Parameters
    ----------
    matches : mapping of str to str
        Values that a silenced finding has, `kind` or of its series; never empty.
    starts, ends : float
        Seconds since 1970.
    """

    number: int
    matches: Mapping[str, str]
    starts: float
    ends: float
    who: str
    why: str


def add_silence(
    connection: Connection, matches: Mapping[str, str], *, now: float, seconds: float, who: str, why: str
) -> Silence:
    """Silence findings for a time.

    Raises
    ------
    CallError
        If it would silence everything, or for longer than a year.
    """
    if not matches:
        raise CallError("A silence needs what it matches, such as company=Acme or kind=drift.")
    if not 0 < seconds <= LONGEST_SECONDS:
        raise CallError("A silence lasts a year at most. Give a shorter time, such as 2d.")
    ends, who, why = now + seconds, replace_surrogates(who), replace_surrogates(why)
    matches = {replace_surrogates(name): replace_surrogates(value) for name, value in matches.items()}
    made = connection.execute(
        insert(SILENCES).values(matches=dict(matches), starts=now, ends=ends, who=who, why=why)
    )
    return Silence(int((made.inserted_primary_key or (0,))[0]), matches, now, ends, who, why)


def silences_since(connection: Connection, since: float) -> list[Silence]:
    """Give the silences that had not ended at a moment, the earliest first."""
    rows = connection.execute(select(SILENCES).where(SILENCES.c.ends > since).order_by(SILENCES.c.number))
    return [Silence(**row) for row in rows.mappings()]


def is_silenced(told: Told, silences: Sequence[Silence], now: float) -> bool:
    """Whether one of these silences matches a finding, now or when it ended."""
    own = {"kind": told.kind, **told.series}
    at = now if told.ended is None else min(told.ended.timestamp(), now)
    return any(one.starts <= at < one.ends and one.matches.items() <= own.items() for one in silences)


def seconds_of(written: str) -> float:
    """Give the seconds of a time such as 30m, 4h, 2d or 1w.

    Raises
    ------
    CallError
        If it is none.
    """
    found = _duration(written.strip().lower())
    if found is None:
        raise CallError(
            f"{written!r} is no length of time; expected a number and m, h, d or w, such as 4h or 2d."
        )
    return float(found[1]) * UNITS[found[2]]


def matches_of(written: Sequence[str]) -> dict[str, str]:
    """Give the values that a silence matches, of texts such as company=Acme.

    Raises
    ------
    CallError
        If one has no name or no value.
    """
    found = {}
    for one in written:
        name, sign, value = one.partition("=")
        if not (name.strip() and sign and value.strip()):
            raise CallError(
                f"{one!r} is nothing to match; expected name=value, such as company=Acme or kind=drift."
            )
        found[name.strip()] = value.strip()
    return found
