"""Where the recommended candidate is weaker: parts of the test rows by language, length, column and label."""

from collections.abc import Mapping
from typing import Any

from metier.report import numbers as written
from metier.report.section import Page

SHOWN = 15  # Rows of the table; the others are in report.json.
LANGUAGES = {"en": "English", "zh": "Chinese", "other": "another language"}


def slices_section(page: Page) -> dict[str, Any] | None:
    """Give the weakest parts of the rows; None where no part was large enough to be measured."""
    facts = page.report.get("slices")
    if not facts or not facts["slices"]:
        return None
    say, slices = page.say, facts["slices"]
    scale = written.scale_of(page.report, facts["metric"])
    return {
        "finding": _finding(page, facts, scale),
        "sentences": [
            say(
                "{n} parts of at least 20 rows were measured, so each interval is widened (to {level}): all of them hold "
                "together with 95 %. Without that the worst of many parts would look bad by chance alone.",
                n=len(slices),
                level=written.percent(facts["level"], 2),
            )
        ]
        if len(slices) > 1
        else [],
        "tables": [
            {
                "title": say("The weakest parts of the rows"),
                "columns": [
                    (say("part"), False),
                    (say("rows"), True),
                    (page.named(facts["metric"]) + scale.unit, True),
                    (say("interval"), True),
                    (say("shown worse than all rows"), False),
                ],
                "rows": [_row(page, each, scale) for each in slices[:SHOWN]],
            }
        ],
    }


def _row(page: Page, each: Mapping[str, Any], scale: written.Scale) -> list[str]:
    figure = each["figure"]
    decimals = scale.decimals(figure)
    return [
        name_of(page, each),
        written.count(each["rows"]),
        scale.bare(figure["value"], decimals),
        scale.bounds(figure, decimals),
        page.say("yes") if each["is_worse"] else page.say("no"),
    ]


def _finding(page: Page, facts: Mapping[str, Any], scale: written.Scale) -> str:
    say, metric = page.say, page.named(facts["metric"])
    worse = [each for each in facts["slices"] if each["is_worse"]]
    whole = scale.whole(facts["whole"], 1 if scale.is_fraction else 3)
    if not worse:
        return say(
            "No part of the {split} rows is shown to be worse than all of them together ({metric} {whole}).",
            split=say(page.report["detail"]["split"]),
            metric=metric,
            whole=whole,
        )
    named = say.listed(
        f"{name_of(page, each)} ({scale.whole(each['figure']['value'], scale.decimals(each['figure']))})"
        for each in worse[:3]
    )
    return say(
        "Shown worse than all {split} rows together ({metric} {whole}): {named}.",
        split=say(page.report["detail"]["split"]),
        metric=metric,
        whole=whole,
        named=named,
    )


def name_of(page: Page, each: Mapping[str, Any]) -> str:
    """Give the name of a part: `length 12 to 40`, `channel = mail`, `label = refund`."""
    say, value = page.say, each["value"]
    if each["by"] == "length":
        return say(
            "length {low} to {high} characters", low=written.count(value[0]), high=written.count(value[1])
        )
    if each["by"] == "language":
        return say("language: {language}", language=say(LANGUAGES[value]))
    return f"{each['column'] if each['by'] == 'column' else say('label')} = {value}"
