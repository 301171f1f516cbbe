"""Alarms told over some days to two files, to be killed before any statement of the store or write: none may be lost.

A notice may come twice, as its sender may be killed before it knows that it arrived; so what came out is compared as a set.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from killed_process import STEP
from sqlalchemy import Engine, event, select

from metier.monitoring.alerts import AlertSettings, StoredAlerts
from metier.monitoring.alerts.json_lines import JsonLines
from metier.monitoring.findings import Finding
from metier.monitoring.store.tables import DELIVERIES, FINDINGS
from metier.monitoring.store.watch_store import WatchStore

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
DAYS, LASTING = 8, 2
HOURS = (
    0,
    1,
    2,
)  # At which what is due is sent: what a killed process had taken is free again after some minutes.
RECEIVERS = ("first", "second")


def tell_all(work: Path) -> int:
    """Tell the alarms of each day, or go on with the day that was not ended."""
    for name in ("before_cursor_execute", "commit"):
        event.listen(Engine, name, lambda *_: sys.audit(STEP))
    _audit_sends()
    receivers = [{"kind": "file", "name": name, "path": str(work / f"{name}.jsonl")} for name in RECEIVERS]
    settings = AlertSettings(
        receivers=receivers, group_by=("company",), group_wait_seconds=0, repeat_hours=10_000
    )
    store, alerts = WatchStore(work / "watch.sqlite"), StoredAlerts(settings)
    for day in range(store.state("day") or 0, DAYS):
        now = BEGIN + timedelta(days=day)
        alerts.tell(store, _findings(day), now.timestamp())
        for hours in HOURS:
            alerts.deliver(store, (now + timedelta(hours=hours)).timestamp())
        store.set_state("day", day + 1)
    store.close()
    return 0


def _audit_sends() -> None:
    """Let a kill come right before a notice is sent and right after, when nothing of it is written down yet."""
    send = JsonLines.send

    def audited(self: JsonLines, notice: Any) -> None:
        sys.audit(STEP)
        send(self, notice)
        sys.audit(STEP)

    if JsonLines.send.__name__ != audited.__name__:
        JsonLines.send = audited  # type: ignore[method-assign]


def _findings(day: int) -> list[Finding]:
    now = BEGIN + timedelta(days=day)
    raised = [
        Finding("surge", {"company": f"{name}{day}"}, "More than usual.", now, now) for name in ("A", "B")
    ]
    before = now - timedelta(days=LASTING)
    ended = [
        Finding("surge", {"company": f"{name}{day - LASTING}"}, "As usual again.", before, now, is_over=True)
        for name in ("A", "B")
        if day >= LASTING
    ]
    return [*raised, *ended]


def outcome(work: Path) -> dict[str, Any]:
    """Give what each receiver got, as a set, and what stands in the store."""
    store = WatchStore(work / "watch.sqlite")
    with store.reading() as connection:
        statuses = connection.execute(select(DELIVERIES.c.status)).scalars().all()
        findings = connection.execute(
            select(FINDINGS.c.series, FINDINGS.c.ended).order_by(FINDINGS.c.number)
        ).all()
    store.close()
    told = {f"{name}.jsonl": _told(work / f"{name}.jsonl") for name in RECEIVERS}
    return {
        **told,
        "statuses": sorted(set(statuses)),
        "findings": [(row.series, row.ended) for row in findings],
    }


def _told(path: Path) -> bytes:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    facts = [json.loads(line) for line in lines]
    return "".join(sorted({f"{one['series']['company']} {one['status']}\n" for one in facts})).encode()
