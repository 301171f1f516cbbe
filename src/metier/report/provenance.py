"""What the report shows of how it was made: the rows, what each candidate chose, settings, versions, machine."""

from collections.abc import Mapping
from typing import Any

from metier.report import numbers as written
from metier.report.fact_names import facts_in_words
from metier.report.section import Page
from metier.report.trials import STANDS_FOR, tables_of


def made_section(page: Page) -> dict[str, Any]:
    """Give the rows, the candidates, the settings, the versions and the machine."""
    report, say = page.report, page.say
    data, machine = report["data"], report["machine"]
    return {
        "finding": _finding(page),
        "data": [
            (say("origin"), data["origin"]),
            (say("language"), page.plain(data["language"])),
            (say("text column"), page.plain(data["text_column"])),
            (say("label column"), page.plain(data["label_column"])),
            *[
                (say("{split} rows", split=say(split)), written.count(rows))
                for split, rows in data["rows"].items()
            ],
            (say("labels"), written.count(len(data["labels"]))),
            (say("fingerprint"), page.plain(data["fingerprint"])),
        ],
        "notes": [say.told(note) for note in data["notes"]],
        "candidates": [_candidate(page, each) for each in report["candidates"] if each["status"] == "trained"],
        "settings": flatten(report["settings"], page),
        "machine": [*flatten(report["versions"], page), *_machine_facts(page, machine)],
    }


def _finding(page: Page) -> str:
    report, say = page.report, page.say
    data, machine = report["data"], report["machine"]
    splits = [f"{written.count(rows)} {say(split)}" for split, rows in data["rows"].items() if rows]
    parts = [
        say("{splits} rows of {origin}", splits=say.listed(splits), origin=data["origin"]),
        *([say("{n} label(s|)", n=written.count(len(data["labels"])))] if data["labels"] else []),
        say(
            "{cores} cores, {memory} of memory",
            cores=page.plain(machine["cores"]),
            memory=written.size(machine["memory_bytes"]),
        ),
        say("{time} in all", time=written.seconds(report["seconds"])),
    ]
    return say("; ").join(parts) + say(".")


def _candidate(page: Page, candidate: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a candidate chose, and what was measured of it; what it tried in tables."""
    say = page.say
    tables = tables_of(page, candidate["facts"])
    shown = {name for table in tables for name in STANDS_FOR[table]}
    facts = {name: value for name, value in candidate["facts"].items() if name not in shown}
    figures = [
        (f"{say(split)} {page.named(metric)}", _figure(metric, value, page.report))
        for split in ("validation", "test")
        for metric, value in (candidate[split] or {}).items()
    ]
    rows = [
        (say("trained on"), page.rows_seen(candidate)),
        *figures,
        *flatten(candidate["params"], page),
        *facts_in_words(facts, page),
    ]
    return {"name": candidate["name"], "facts": rows, "tables": list(tables.values())}


def _figure(metric: str, value: Any, report: Mapping[str, Any]) -> str:
    """Write a figure, with its interval where it has one."""
    if not isinstance(value, Mapping):
        return "–" if value is None else f"{value:.4f}"
    scale = written.scale_of(report, metric)
    decimals = scale.decimals(value)
    return f"{scale.whole(value['value'], decimals)} {scale.bounds(value, decimals)}"


def _machine_facts(page: Page, machine: Mapping[str, Any]) -> list[tuple[str, str]]:
    rest = {key: value for key, value in machine.items() if key != "memory_bytes"}
    return [("memory", written.size(machine["memory_bytes"])), *flatten(rest, page)]


def flatten(nested: Mapping[str, Any], page: Page, prefix: str = "") -> list[tuple[str, str]]:
    """Give nested settings or facts as dotted names, as `--set` takes them, with values in words."""
    rows: list[tuple[str, str]] = []
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            rows += flatten(value, page, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", page.plain(value)))
    return rows
