"""What the report shows of trainings besides the comparison: the spread over seeds, and the learning curves."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from metier.report import numbers as written
from metier.report.learning_curves import curve_plot
from metier.report.section import Page


def seeds_section(page: Page) -> dict[str, Any] | None:
    """Give the spread over seeds; None where one seed was trained."""
    report, say = page.report, page.say
    study = report.get("seeds")
    if study is None:
        return None
    metric, scale = report["primary_metric"], page.primary
    rows = [_seeds_row(page, each, metric, scale) for each in study["candidates"]]
    chosen = next((each for each in study["candidates"] if each["name"] == report["recommended"]), None)
    return {
        "finding": _seeds_finding(page, chosen) or say("Too few seeds were trained to report a spread."),
        "metric": page.metric + scale.unit,
        "rows": rows,
        "notes": [say.told(note) for note in study["notes"]],
    }


def _seeds_finding(page: Page, chosen: Mapping[str, Any] | None) -> str | None:
    if chosen is None:
        return None
    metric, scale, say = page.report["primary_metric"], page.primary, page.say
    spread = chosen["test"][metric]
    if spread["max"] == spread["min"]:
        return say(
            "{name} has the same test score with each of {seeds} seeds.",
            name=chosen["name"],
            seeds=len(chosen["seeds"]),
        )
    decimals = 2 if scale.is_fraction else 4
    return say(
        "Over {seeds} seeds {name} has a {metric} of {mean} on average on the test rows, with a standard deviation of "
        "{sd}, between {low} and {high}. A smaller difference between two candidates may be chance.",
        seeds=len(chosen["seeds"]),
        name=chosen["name"],
        metric=page.metric,
        mean=scale.whole(spread["mean"], decimals),
        sd=scale.bare(spread["sd"], decimals),
        low=scale.bare(spread["min"], decimals),
        high=scale.bare(spread["max"], decimals),
    )


def _seeds_row(page: Page, each: Mapping[str, Any], metric: str, scale: written.Scale) -> dict[str, Any]:
    decimals = 2 if scale.is_fraction else 4
    row: dict[str, Any] = {
        "name": each["name"],
        "seeds": len(each["seeds"])
        if each["is_random"]
        else page.say("{n} (takes no seed)", n=len(each["seeds"])),
    }
    for split in ("validation", "test"):
        spread = each[split][metric]
        row[split] = {
            "mean": scale.bare(spread["mean"], decimals),
            "sd": scale.bare(spread["sd"], decimals),
            "ends": f"{scale.bare(spread['min'], decimals)}–{scale.bare(spread['max'], decimals)}",
        }
    return row


def curve_section(page: Page) -> dict[str, Any] | None:
    """Give the learning curves; None where none was asked for."""
    report, say = page.report, page.say
    study = report.get("learning_curve")
    if study is None:
        return None
    scale = written.scale_of(report, study["metric"])
    curves: Sequence[Mapping[str, Any]] = study["candidates"]
    chosen = next((each for each in curves if each["name"] == report["recommended"]), None)
    drawn = [each for each in curves if len(each["points"]) > 1]
    name = page.named(study["metric"])

    def draw(width: int, height: int) -> Markup | None:
        if not drawn:
            return None
        return curve_plot(drawn, report["recommended"], name, scale, width=width, height=height, say=say)

    return {
        "finding": _curve_finding(page, chosen, study["notes"]),
        "metric": name + scale.unit,
        "rows": [_curve_row(page, each, scale) for each in curves],
        "sentences": [say.told(each["sentence"]) for each in curves if each["doubled"] is None],
        "notes": [say.told(note) for note in study["notes"]],
        "wide": draw(860, 420),
        "narrow": draw(360, 380),
    }


def _curve_finding(page: Page, chosen: Mapping[str, Any] | None, notes: Sequence[str]) -> str:
    say, recommended = page.say, page.report["recommended"]
    if chosen is not None:
        return say.told(chosen["sentence"]) + say(".")
    why = next((note for note in notes if note.startswith(recommended)), None)
    if why is not None:
        return say.told(why) + say(".")
    return say("{name} was not trained on fewer rows; the others below were.", name=recommended)


def _curve_row(page: Page, each: Mapping[str, Any], scale: written.Scale) -> dict[str, Any]:
    decimals = scale.decimals(each["doubled"])
    doubled, gain, before = each["doubled"], each["gain"], each["backtest"]
    return {
        "name": each["name"],
        "points": [
            {"rows": written.count(point["rows"]), "value": scale.bare(point["value"], decimals)}
            for point in each["points"]
        ],
        "doubled": doubled and f"{scale.bare(doubled['value'], decimals)} {scale.bounds(doubled, decimals)}",
        "gain": gain
        and f"{scale.signed(gain['value'])} [{scale.signed(gain['low'])}, {scale.signed(gain['high'])}]",
        "backtest": before
        and page.say(
            "{value}; it was {measured}",
            value=f"{scale.bare(before['value'], decimals)} {scale.bounds(before, decimals)}",
            measured=scale.bare(before["measured"], decimals),
        ),
        "held": None if before is None else page.say("held") if before["held"] else page.say("missed"),
    }
