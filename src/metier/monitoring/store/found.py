"""Findings as the store keeps them: told again, one that goes on is the same row; ended, a new one begins another."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from metier.monitoring.findings import Finding
from metier.monitoring.store.tables import FINDINGS


def save_findings(connection: Connection, findings: Sequence[Finding]) -> list[int]:
    """Store findings and give their numbers; one whose fingerprint has not ended yet is changed, not added.

    A finding that is over and is not there is left out.
    """
    numbers = (_saved(connection, one) for one in findings)
    return [number for number in numbers if number is not None]


def _saved(connection: Connection, one: Finding) -> int | None:
    open_ = select(FINDINGS.c.number).where(
        FINDINGS.c.fingerprint == one.fingerprint, FINDINGS.c.ended.is_(None)
    )
    number = connection.execute(open_.order_by(FINDINGS.c.number.desc()).limit(1)).scalar()
    told: dict[str, Any] = {"sentence": one.sentence, "severity": one.severity, "facts": dict(one.facts)}
    if number is not None:
        ended = one.raised.timestamp() if one.is_over else None
        connection.execute(update(FINDINGS).where(FINDINGS.c.number == number).values(**told, ended=ended))
        return int(number)
    if one.is_over:
        return None
    row = {
        "fingerprint": one.fingerprint,
        "kind": one.kind,
        "series": dict(one.series),
        "since": one.since.timestamp(),
        "raised": one.raised.timestamp(),
        **told,
    }
    [added] = connection.execute(insert(FINDINGS).values(row)).inserted_primary_key or (None,)
    return None if added is None else int(added)
