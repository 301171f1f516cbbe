"""What the report shows of how it was made: the rows, what each candidate chose, settings, versions, machine."""

from collections.abc import Mapping
from typing import Any

from metier.evaluation.measure_table import metric_name
from metier.report import numbers as written
from metier.report.trials import STANDS_FOR, tables_of


def made_section(report: Mapping[str, Any]) -> dict[str, Any]:
    """Give the rows, the candidates, the settings, the versions and the machine."""
    data, machine = report["data"], report["machine"]
    splits = ", ".join(f"{written.count(rows)} {split}" for split, rows in data["rows"].items() if rows)
    labels = f"{written.count(len(data['labels']))} labels; " if data["labels"] else ""
    finding = (
        f"{splits} rows of {data['origin']}; {labels}"
        f"{written.plain(machine['cores'])} cores, {written.size(machine['memory_bytes'])} of memory; "
        f"{written.seconds(report['seconds'])} in all."
    )
    return {
        "finding": finding,
        "data": [
            ("origin", data["origin"]),
            ("language", written.plain(data["language"])),
            ("text column", written.plain(data["text_column"])),
            ("label column", written.plain(data["label_column"])),
            *[(f"{split} rows", written.count(rows)) for split, rows in data["rows"].items()],
            ("labels", written.count(len(data["labels"]))),
            ("fingerprint", written.plain(data["fingerprint"])),
        ],
        "notes": data["notes"],
        "candidates": [
            _candidate(each, report) for each in report["candidates"] if each["status"] == "trained"
        ],
        "settings": flatten(report["settings"]),
        "machine": [*flatten(report["versions"]), *_machine_facts(machine)],
    }


def _candidate(candidate: Mapping[str, Any], report: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a candidate chose, and what was measured of it; what it tried in tables."""
    tables = tables_of(candidate["facts"])
    shown = {name for table in tables for name in STANDS_FOR[table]}
    facts = {name: value for name, value in candidate["facts"].items() if name not in shown}
    figures = [
        (f"{split} {metric_name(metric)}", _figure(metric, value, report))
        for split in ("validation", "test")
        for metric, value in (candidate[split] or {}).items()
    ]
    rows = [("trained on", candidate["trained_on"]), *figures, *flatten(candidate["params"]), *flatten(facts)]
    return {"name": candidate["name"], "facts": rows, "tables": list(tables.values())}


def _figure(metric: str, value: Any, report: Mapping[str, Any]) -> str:
    """Write a figure, with its interval where it has one."""
    if not isinstance(value, Mapping):
        return "–" if value is None else f"{value:.4f}"
    scale = written.scale_of(report, metric)
    decimals = scale.decimals(value)
    return f"{scale.whole(value['value'], decimals)} {scale.bounds(value, decimals)}"


def _machine_facts(machine: Mapping[str, Any]) -> list[tuple[str, str]]:
    rest = {key: value for key, value in machine.items() if key != "memory_bytes"}
    return [("memory", written.size(machine["memory_bytes"])), *flatten(rest)]


def flatten(nested: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Give nested settings or facts as dotted names, as `--set` takes them, with values in words."""
    rows: list[tuple[str, str]] = []
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            rows += flatten(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", written.plain(value)))
    return rows
