"""The head of the report: what to ship, its four numbers, and why not another one."""

from typing import Any

from metier.report import numbers as written
from metier.report.headline import conclusion, why_not
from metier.report.section import Page, answers_of
from metier.report.worries import worries_of


def head_of(page: Page) -> dict[str, Any]:
    """Give what stands above the sections: the recommendation, its numbers and its reasons."""
    report, say = page.report, page.say
    spent = written.seconds(report["seconds"])
    if report["budget_seconds"]:
        budget = written.seconds(report["budget_seconds"])
        spent = say("{spent} of a budget of {budget}", spent=spent, budget=budget)
    lead, *claims = conclusion(page)
    return {
        "title": say("Ship {name}", name=report["recommended"]),
        "lead": lead,
        "claims": claims,
        "task": capitalised(say(report.get("task_title") or report["task"])),
        "origin": report["data"]["origin"],
        "created": report["created"],
        "day": written.day(report["created"], say.language),
        "spent": spent,
        "version": report["versions"].get("metier", ""),
        "numbers": [_quality(page), _latency(page), _cost(page), _size(page)],
        "reasons": why_not(page),
        "worries": worries_of(page),
        "caution": None if page.split == "test" else _no_test(page),
    }


def _no_test(page: Page) -> str:
    return page.say(
        "There were no test rows. These scores are from the validation rows, which were also used for the choices, so "
        "they are a little too good. Give separate test rows with --test."
    )


def _quality(page: Page) -> dict[str, str]:
    say, scale = page.say, page.primary
    quality = answers_of(page.chosen)[page.report["primary_metric"]]
    decimals = scale.decimals(quality)
    rows = page.report["data"]["rows"].get(page.split) or 0
    ends = {end: scale.bare(quality[end], decimals) for end in ("low", "high")}
    return {
        "name": say(
            "{metric} on {rows} {split} row(s|)",
            metric=page.metric,
            rows=written.count(rows),
            split=say(page.split),
        ),
        "value": scale.whole(quality["value"], decimals),
        "aside": say("95 % interval {low} to {high}", **ends),
    }


def _latency(page: Page) -> dict[str, str]:
    latency = page.chosen["latency_ms"] or {}
    return {
        "name": page.say("for one row, on average"),
        "value": written.milliseconds(page.latency(page.chosen)),
        "aside": page.say(
            "half within {half}, 95 % within {most}",
            half=written.milliseconds(latency.get("p50")),
            most=written.milliseconds(latency.get("p95")),
        ),
    }


def _cost(page: Page) -> dict[str, str]:
    rate = page.chosen["rows_per_second"]
    return {
        "name": page.say("of one core for 1,000 answers"),
        "value": written.core_time(rate),
        "aside": page.say("in batches: {rate} rows/s", rate=written.rate(rate)),
    }


def _size(page: Page) -> dict[str, str]:
    winner = page.chosen
    return {
        "name": page.say("on disk"),
        "value": written.size(winner["size_bytes"]),
        "aside": page.say(
            "trained in {time} on {rows}",
            time=written.seconds(winner["train_seconds"]),
            rows=page.rows_seen(winner),
        ),
    }


def capitalised(text: str) -> str:
    """Start with a capital, unless the sentence starts with a versioned name."""
    first = text.split(" ", 1)[0]
    return text if ".v" in first else text[:1].upper() + text[1:]
