"""The head of the report: what to ship, its three numbers, and the reasons."""

from typing import Any

from metier.report import numbers as written
from metier.report.section import Page, answers_of

NO_TEST = (
    "There were no test rows. These scores are from the validation rows, which were also used for the "
    "choices, so they are a little too good. Give separate test rows with --test."
)


def head_of(page: Page) -> dict[str, Any]:
    """Give what stands above the sections: the recommendation, its numbers and its reasons."""
    report, split = page.report, page.split
    title, _, lead = report["recommendation"].partition(": ")
    if not lead:
        title, lead = f"ship {report['recommended']}", report["recommendation"]
    spent = written.seconds(report["seconds"])
    if report["budget_seconds"]:
        spent += f" of a budget of {written.seconds(report['budget_seconds'])}"
    return {
        "title": _capitalised(title),
        "lead": _capitalised(lead).rstrip(".") + ".",
        "task": _capitalised(report.get("task_title") or report["task"]),
        "origin": report["data"]["origin"],
        "created": report["created"],
        "day": written.day(report["created"]),
        "spent": spent,
        "version": report["versions"].get("metier", ""),
        "numbers": _three_numbers(page),
        "reasons": [_capitalised(reason) for reason in report["reasons"]],
        "caution": None if split == "test" else NO_TEST,
    }


def _three_numbers(page: Page) -> list[dict[str, str]]:
    report, split, winner, scale = page.report, page.split, page.chosen, page.primary
    quality = answers_of(winner)[report["primary_metric"]]
    decimals = scale.decimals(quality)
    rows = report["data"]["rows"].get(split) or 0
    latency = winner["latency_ms"] or {}
    batch = (
        f"; {written.rate(winner['rows_per_second'])} rows/s in batches" if winner["rows_per_second"] else ""
    )
    low, high = scale.bare(quality["low"], decimals), scale.bare(quality["high"], decimals)
    return [
        {
            "name": f"{page.metric} on {written.count(rows)} {split} rows",
            "value": scale.whole(quality["value"], decimals),
            "aside": f"95 % interval {low} to {high}",
        },
        {
            "name": "for one row, on average",
            "value": written.milliseconds(latency.get("mean") or latency.get("p50")),
            "aside": f"half within {written.milliseconds(latency.get('p50'))}, "
            f"95 % within {written.milliseconds(latency.get('p95'))}{batch}",
        },
        {
            "name": "on disk",
            "value": written.size(winner["size_bytes"]),
            "aside": f"trained in {written.seconds(winner['train_seconds'])} on {winner['trained_on']}",
        },
    ]


def _capitalised(text: str) -> str:
    """Start with a capital, unless the sentence starts with a versioned name."""
    first = text.split(" ", 1)[0]
    return text if ".v" in first else text[:1].upper() + text[1:]
