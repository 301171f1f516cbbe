"""What the report shows of trainings besides the comparison: the spread over seeds, and the learning curves."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.evaluation.measure_table import metric_name
from metier.report import numbers as written
from metier.report.learning_curves import curve_plot


def seeds_section(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the spread over seeds; None where one seed was trained."""
    study = report.get("seeds")
    if study is None:
        return None
    metric = report["primary_metric"]
    scale = written.scale_of(report, metric)
    rows = [_seeds_row(each, metric, scale) for each in study["candidates"]]
    chosen = next((each for each in study["candidates"] if each["name"] == report["recommended"]), None)
    return {
        "finding": _seeds_finding(chosen, metric, scale) or "Too few seeds were trained to report a spread.",
        "metric": metric_name(metric) + scale.unit,
        "rows": rows,
        "notes": study["notes"],
    }


def _seeds_finding(chosen: Mapping[str, Any] | None, metric: str, scale: written.Scale) -> str | None:
    if chosen is None:
        return None
    spread = chosen["test"][metric]
    if spread["max"] == spread["min"]:
        return f"{chosen['name']} has the same test score with each of {len(chosen['seeds'])} seeds."
    decimals = 2 if scale.is_fraction else 4
    return (
        f"Over {len(chosen['seeds'])} seeds {chosen['name']} has a {metric_name(metric)} of "
        f"{scale.whole(spread['mean'], decimals)} on average on the test rows, with a standard deviation of "
        f"{scale.bare(spread['sd'], decimals)}, between {scale.bare(spread['min'], decimals)} and "
        f"{scale.bare(spread['max'], decimals)}. A smaller difference between two candidates may be chance."
    )


def _seeds_row(each: Mapping[str, Any], metric: str, scale: written.Scale) -> dict[str, Any]:
    decimals = 2 if scale.is_fraction else 4
    row: dict[str, Any] = {
        "name": each["name"],
        "seeds": len(each["seeds"]) if each["is_random"] else f"{len(each['seeds'])} (takes no seed)",
    }
    for split in ("validation", "test"):
        spread = each[split][metric]
        row[split] = {
            "mean": scale.bare(spread["mean"], decimals),
            "sd": scale.bare(spread["sd"], decimals),
            "ends": f"{scale.bare(spread['min'], decimals)}–{scale.bare(spread['max'], decimals)}",
        }
    return row


def curve_section(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the learning curves; None where none was asked for."""
    study = report.get("learning_curve")
    if study is None:
        return None
    scale = written.scale_of(report, study["metric"])
    curves: Sequence[Mapping[str, Any]] = study["candidates"]
    chosen = next((each for each in curves if each["name"] == report["recommended"]), None)
    drawn = [each for each in curves if len(each["points"]) > 1]
    name = metric_name(study["metric"])
    return {
        "finding": _curve_finding(chosen, report["recommended"], study["notes"]),
        "metric": name + scale.unit,
        "rows": [_curve_row(each, scale) for each in curves],
        "sentences": [each["sentence"] for each in curves if each["doubled"] is None],
        "notes": study["notes"],
        "wide": curve_plot(drawn, report["recommended"], name, scale, width=860, height=420) if drawn else None,
        "narrow": curve_plot(drawn, report["recommended"], name, scale, width=360, height=380)
        if drawn
        else None,
    }


def _curve_finding(chosen: Mapping[str, Any] | None, recommended: str, notes: Sequence[str]) -> str:
    if chosen is not None:
        return str(chosen["sentence"]) + "."
    why = next((note for note in notes if note.startswith(recommended)), "")
    return (why or f"{recommended} was not trained on fewer rows; the others below were") + "."


def _curve_row(each: Mapping[str, Any], scale: written.Scale) -> dict[str, Any]:
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
        and f"{scale.bare(before['value'], decimals)} {scale.bounds(before, decimals)}; "
        f"it was {scale.bare(before['measured'], decimals)}",
        "held": None if before is None else "held" if before["held"] else "missed",
    }
