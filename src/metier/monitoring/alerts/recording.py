"""Findings written down: one row from its first telling to its end, however often a signal repeats it."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from metier.monitoring.findings import Finding
from metier.monitoring.store.tables import FINDINGS


def record_findings(connection: Connection, findings: Iterable[Finding]) -> list[int]:
    """Write findings down and give their numbers; the same findings once more change nothing.

    A finding whose fingerprint has a row that is not over goes on in that row; one that is over ends it, and is left out
    where there is none.
    """
    numbers = [_record(connection, one) for one in findings]
    return [one for one in numbers if one is not None]


def _record(connection: Connection, finding: Finding) -> int | None:
    own = FINDINGS.c.fingerprint == finding.fingerprint
    raised = finding.raised.timestamp()
    goes_on = connection.execute(
        select(FINDINGS.c.number).where(own, FINDINGS.c.ended.is_(None)).order_by(FINDINGS.c.number.desc())
    ).scalar()
    values = {"sentence": finding.sentence, "severity": finding.severity, "facts": dict(finding.facts)}
    if goes_on is not None:
        ended = _end(finding) if finding.is_over else None
        connection.execute(update(FINDINGS).where(FINDINGS.c.number == goes_on).values(**values, ended=ended))
        return int(goes_on)
    known = connection.execute(select(FINDINGS.c.number).where(own, FINDINGS.c.raised == raised)).scalar()
    if finding.is_over or known is not None:
        return known
    row = {
        "fingerprint": finding.fingerprint,
        "kind": finding.kind,
        "series": dict(finding.series),
        "since": finding.since.timestamp(),
        "raised": raised,
    }
    made = connection.execute(insert(FINDINGS).values(**row, **values))
    return int((made.inserted_primary_key or (0,))[0])


def _end(finding: Finding) -> float:
    """Give when a finding that is over was last so, as its facts say; else when that was told."""
    last = finding.facts.get("last")
    ended = datetime.fromisoformat(last) if isinstance(last, str) else finding.raised
    return max(ended, finding.since).timestamp()
