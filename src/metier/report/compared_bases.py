"""Pretrained bases that were compared before anything was trained: which was taken, and why not the others."""

from collections.abc import Mapping
from typing import Any

from metier.report import numbers as written
from metier.report.section import Page


def bases_section(page: Page) -> dict[str, Any] | None:
    """Give the comparison of bases; None where none was asked for."""
    choices = page.report.get("bases")
    if not choices:
        return None
    first, *others = [_conclusion(page, choice) for choice in choices]
    why = [
        page.say.told(one["why"])
        for choice in choices
        for one in choice["bases"]
        if one["name"] != choice["chosen"]
    ]
    return {
        "title": page.say("Which pretrained model do they stand on?"),
        "finding": first,
        "sentences": [*others, *why],
        "tables": [_table(page, choice) for choice in choices],
    }


def _conclusion(page: Page, choice: Mapping[str, Any]) -> str:
    own = next(one for one in choice["bases"] if one["name"] == choice["chosen"])
    return page.say(
        "{base} was taken of {count}: probes by {method} on {rows} training rows, each answered by a model that had not "
        "seen it. They took {seconds}.",
        base=choice["chosen"],
        count=len(choice["bases"]),
        method=choice["method"],
        rows=written.count(own["rows"]),
        seconds=written.seconds(choice["seconds"]),
    )


def _table(page: Page, choice: Mapping[str, Any]) -> dict[str, Any]:
    say, scale = page.say, written.scale_of(page.report, choice["metric"])
    return {
        "title": say("Bases in the order in which they stayed in the comparison"),
        "columns": [
            (say("base"), False),
            (say("languages"), False),
            (say("rows"), True),
            (page.named(choice["metric"]) + scale.unit, True),
            (say("interval"), True),
            (say("one row"), True),
            (say("size"), True),
        ],
        "rows": [_row(page, one, scale) for one in choice["bases"]],
    }


def _row(page: Page, one: Mapping[str, Any], scale: written.Scale) -> list[str]:
    languages = page.say("many") if list(one["languages"]) == ["*"] else ", ".join(one["languages"])
    size = written.size(one["size_bytes"])
    if one["value"] is None:
        return [one["name"], languages, "0", "–", "–", "–", size]
    decimals = scale.decimals(one)
    figure = [scale.bare(one["value"], decimals), scale.bounds(one, decimals)]
    return [
        one["name"],
        languages,
        written.count(one["rows"]),
        *figure,
        written.milliseconds(one["ms_per_row"]),
        size,
    ]
