"""What speaks against shipping, on the first screen of the report: each worry a sentence, with the section that shows it.

A worry is what a reader should know before the model answers anybody: faults of the rows, parts of the rows where it is
shown to be worse, confidence that is off by more than chance, an interval that is wide, labels that nothing was tested on.
"""

from collections.abc import Callable, Iterator
from typing import Any

from metier.report import numbers as written
from metier.report.section import Page, answers_of
from metier.report.slices import name_of

MOST_NAMED = 3
WIDE = 0.02  # Half an interval of a fraction.
NARROW = 0.01
TIMES_BY_CHANCE, LEAST_ERROR = 1.5, 0.02  # Of a calibration error.

FRAGILE = 0.1  # Share of answers that a test may turn, shown by its interval.

Worry = tuple[str, str]


def worries_of(page: Page) -> list[dict[str, str]]:
    """Give each worry as its `sentence` and the `anchor` of a section."""
    return [{"sentence": sentence, "anchor": anchor} for find in WORRIES for sentence, anchor in find(page)]


def _faulty_rows(page: Page) -> Iterator[Worry]:
    errors = [each for each in page.report["audit"] if each["severity"] == "error"]
    warnings = [each for each in page.report["audit"] if each["severity"] == "warning"]
    for each in errors[:MOST_NAMED]:
        yield page.say("The rows: {fault}.", fault=page.say.told(each["sentence"]).rstrip(".。")), "check"
    if warnings:
        yield (
            page.say(
                "The rows: {n} warning(s|), the first: {fault}.",
                n=len(warnings),
                fault=page.say.told(warnings[0]["sentence"]).rstrip(".。"),
            ),
            "check",
        )


def _weak_parts(page: Page) -> Iterator[Worry]:
    facts = page.report.get("slices") or {"slices": []}
    worse = [each for each in facts["slices"] if each["is_worse"]]
    if worse:
        scale = written.scale_of(page.report, facts["metric"])
        named = page.say.listed(
            f"{name_of(page, each)} ({scale.whole(each['figure']['value'], scale.decimals(each['figure']))})"
            for each in worse[:MOST_NAMED]
        )
        yield (
            page.say("Shown worse than on all rows: {named}{rest}.", named=named, rest=_rest(page, len(worse))),
            "slices",
        )


def _confidence(page: Page) -> Iterator[Worry]:
    answers = answers_of(page.chosen)
    error, by_chance = answers.get("calibration_error"), answers.get("calibration_error_by_chance")
    detail: Any = page.report.get("detail") or {}
    by_chance = by_chance if by_chance is not None else detail.get("calibration_error_by_chance")
    if error is None or by_chance is None or error < max(LEAST_ERROR, TIMES_BY_CHANCE * by_chance):
        return
    yield (
        page.say(
            "Its confidence is off by {error} on average; that of a perfectly calibrated model would be by {chance} on so "
            "many rows.",
            error=page.points(error),
            chance=page.points(by_chance),
        ),
        "reliability",
    )


def _wide_interval(page: Page) -> Iterator[Worry]:
    quality = answers_of(page.chosen)[page.report["primary_metric"]]
    rows = page.report["data"]["rows"].get(page.split) or 0
    if not page.primary.is_fraction or not rows or quality.get("low") is None:
        return
    half = (quality["high"] - quality["low"]) / 2
    if half > WIDE:
        needed = written.count(round(rows * (half / NARROW) ** 2, -2))
        yield (
            page.say(
                "{rows} {split} row(s|) measure its {metric} to ±{half}; ±1 point takes about {needed} rows.",
                rows=written.count(rows),
                split=page.say(page.split),
                metric=page.metric,
                half=page.points(half),
                needed=needed,
            ),
            "leaderboard",
        )


def _gate(page: Page) -> Iterator[Worry]:
    facts = page.report.get("gate")
    if not facts or facts["may_go_live"]:
        return
    open_ = [
        one["condition"]
        for one in facts["conditions"]
        if one["verdict"] != "pass" and one["severity"] == "blocker" and not one["is_waived"]
    ]
    wrong = len((facts["golden"] or {"wrong": ()})["wrong"])
    named = [*open_[:MOST_NAMED], *([page.say("{n} golden row(s|)", n=wrong)] if wrong else [])]
    yield page.say("The release gate does not let it go live: {named}.", named=page.say.listed(named)), "gate"


def _fragile(page: Page) -> Iterator[Worry]:
    facts: Any = page.report.get("behaviour") or {"tests": ()}
    shown = [one for one in facts["tests"] if one["failure"] and one["failure"]["low"] > FRAGILE]
    for one in sorted(shown, key=lambda one: -one["failure"]["value"])[:1]:
        share = written.percent(one["failure"]["value"])
        given = {"name": f"{one['kind']}.{one['name']}", "share": share}
        yield page.say("{share} of the answers fail the test {name}.", **given), "behaviour"


def _untested_labels(page: Page) -> Iterator[Worry]:
    detail: Any = page.report.get("detail") or {}
    counts = page.report["data"].get("label_counts") or {}
    tested = {row["label"] for row in detail.get("per_label") or () if row["rows"]}
    lacking = [label for label in counts if label not in tested] if tested else []
    if lacking:
        named = page.say.listed(f"“{label}”" for label in lacking[:MOST_NAMED])
        yield (
            page.say(
                "Labels without a {split} row, of which nothing is known: {named}{rest}.",
                split=page.say(page.split),
                named=named,
                rest=_rest(page, len(lacking)),
            ),
            "labels",
        )


def _rest(page: Page, n: int) -> str:
    """Say how many are not named."""
    return page.say(" and {n} more", n=n - MOST_NAMED) if n > MOST_NAMED else ""


WORRIES: tuple[Callable[[Page], Iterator[Worry]], ...] = (
    _faulty_rows,
    _weak_parts,
    _confidence,
    _wide_interval,
    _untested_labels,
    _gate,
    _fragile,
)
