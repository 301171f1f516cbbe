"""Counts of a store by period and series, and which of them may be held against one another."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from metier.monitoring.store.tables import COUNTS


@dataclass(frozen=True)
class SeriesCount:
    """How many messages of a period a series has.

    Parameters
    ----------
    period : int
        Days or hours since 1970, as the watch counts.
    series : mapping of str to str
        Such as `{"company": "Acme", "topic": "delivery"}`; empty: all messages.
    versions : mapping of str to str
        Of the bundles whose answers lead to the series; counts of different versions are never held against one another.
    messages, distinct : int
        All, and those that are no copies; on time alone.
    late, late_distinct : int
        Those that came after the period had been judged.
    """

    period: int
    series: Mapping[str, str]
    versions: Mapping[str, str]
    messages: int
    distinct: int
    late: int
    late_distinct: int


def read_counts(connection: Connection, *, first: int | None, last: int | None) -> list[SeriesCount]:
    """Give the counts of periods, the earliest first."""
    asked = select(COUNTS).order_by(COUNTS.c.period, COUNTS.c.series, COUNTS.c.versions)
    if first is not None:
        asked = asked.where(COUNTS.c.period >= first)
    if last is not None:
        asked = asked.where(COUNTS.c.period <= last)
    return [
        SeriesCount(
            row.period,
            json.loads(row.series),
            _versions(row.versions),
            row.messages,
            row.distinct,
            row.late,
            row.late_distinct,
        )
        for row in connection.execute(asked)
    ]


def _versions(written: str) -> dict[str, str]:
    parts = (one.partition("=") for one in written.split(",") if one)
    return {name: version for name, _, version in parts}
