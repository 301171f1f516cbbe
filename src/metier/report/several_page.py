"""The page of a run of several tasks: which bundle to ship, and what training together gave each task."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from metier.evaluation import is_fraction
from metier.evaluation.measure_table import metric_name
from metier.figures import milliseconds, size
from metier.report.numbers import p_value
from metier.report.words import LANGUAGES, Words


def render_several(report: Mapping[str, Any], *, language: str = "en") -> str:
    """Give the page; `report` is what `several.json` holds.

    Returns
    -------
    str
        A whole HTML document; write it as UTF-8.
    """
    if language not in LANGUAGES:
        raise ValueError(f"A report has no language {language!r}; give one of {', '.join(LANGUAGES)}.")
    say = Words(language)
    view = {
        "page_language": "zh-CN" if language == "zh" else language,
        "recommended": report["recommended"],
        "sentence": say.told(report["sentence"]),
        "rows": {say(part): f"{n:,}" for part, n in report["rows"].items()},
        "tasks": [row for task in report["tasks"] for row in task_rows(task, say)],
        "costs": [
            (name, milliseconds(cost["latency_ms"]["mean"]), size(cost["size_bytes"]))
            for name, cost in report["costs"].items()
        ],
        "runs": [(task["name"], f"{task['run']}/report.html") for task in report["tasks"]],
    }
    page: str = _environment().get_template("several.html.jinja").render(view=view, say=say)
    return page


def task_rows(task: Mapping[str, Any], say: Words) -> list[dict[str, str]]:
    """Give a row for each candidate that a task has alone, beside the encoder of all tasks, on the test rows."""
    test, metric = task["test"], task["metric"]
    factor, unit = (100.0, ".1f") if is_fraction(metric) else (1.0, ".4g")
    named = {"task": task["name"], "metric": say(metric_name(metric))}
    named["together"] = score(test["together"].get(metric), factor, unit)
    return [
        {
            **named,
            "alone": f"{name} {score(alone, factor, unit)}",
            **_compared(test["against"].get(name), factor, unit),
        }
        for name, alone in test["alone"].items()
    ]


def _compared(against: Mapping[str, float] | None, factor: float, unit: str) -> dict[str, str]:
    """Give the cells of a paired test; dashes where one encoder for all was not trained."""
    if against is None:
        return dict.fromkeys(("difference", "p", "chance_worse"), "–")
    return {
        "difference": score({**against, "value": against["difference"]}, factor, f"+{unit}"),
        "p": p_value(against["p_value"]).removeprefix("p = ").removeprefix("p "),
        "chance_worse": f"{100 * against['chance_worse']:.0f} %",
    }


def score(figure: Mapping[str, float] | None, factor: float, unit: str) -> str:
    """Give a figure with its interval: fractions as percentages, other metrics in their own unit; a dash for none."""
    if figure is None:
        return "–"
    value, low, high = (format(factor * figure[end], unit) for end in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("metier.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
