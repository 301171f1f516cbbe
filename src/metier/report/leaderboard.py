"""The leaderboard: every candidate with its quality and its cost."""

from collections.abc import Mapping
from typing import Any

from metier.report import numbers as written
from metier.report.plots import interval_axis, interval_bar, quality_scale
from metier.report.section import Page, answers_of


def leaderboard(page: Page) -> dict[str, Any]:
    """Give every candidate with its quality and its cost, the best first."""
    report, trained, estimates, split = page.report, page.trained, page.estimates, page.split
    metric = report["primary_metric"]
    second = _second_metric(report)
    scale, primary, other = quality_scale(estimates), page.primary, written.scale_of(report, second)
    decimals = primary.decimals(answers_of(page.chosen)[metric])  # One for all: ragged columns compare badly.
    reference = primary.upward * answers_of(page.chosen)[metric]["value"]
    absent = [each for each in report["candidates"] if each["status"] != "trained"]
    rows = [
        _board_row(page, candidate, (metric, primary), (second, other), decimals)
        | {
            "bar": interval_bar(estimate, scale, reference=reference, written=primary, say=page.say),
            "is_recommended": estimate.is_recommended,
        }
        for candidate, estimate in zip(trained, estimates, strict=True)
    ]
    return {
        "split": split,
        "has_test": split == "test",
        "first": page.named(metric) + primary.unit,
        "second": page.named(second) + other.unit,
        "unit": primary.unit,
        "axis": interval_axis(scale, written=primary, say=page.say),
        "rows": rows,
        "absent": [
            dict(each) | {"why": page.say.told(each["why"]) or page.say("No reason was given.")}
            for each in absent
        ],
        "is_mixed": len({page.rows_seen(each) for each in trained}) > 1,
        "note": _board_note(page),
    }


def _board_row(
    page: Page,
    candidate: Mapping[str, Any],
    first: tuple[str, written.Scale],
    second: tuple[str, written.Scale],
    decimals: int,
) -> dict[str, Any]:
    (metric, scale), (beside, its_scale) = first, second
    quality, other = answers_of(candidate)[metric], answers_of(candidate)[beside]
    validation = candidate["validation"][metric]
    own = decimals if its_scale == scale else its_scale.decimals(other)
    latency = candidate["latency_ms"] or {}
    return {
        "name": candidate["name"],
        "trained_on": page.rows_seen(candidate),
        "value": scale.bare(quality["value"], decimals),
        "bounds": scale.bounds(quality, decimals),
        "second": its_scale.bare(other["value"], own),
        "second_bounds": its_scale.bounds(other, own),
        "validation": scale.bare(validation["value"], decimals),
        "validation_bounds": scale.bounds(validation, decimals),
        "sorts": {
            "value": scale.upward * quality["value"],
            "second": its_scale.upward * other["value"],
            "validation": scale.upward * validation["value"],
            "mean": page.latency(candidate),
            "cost": 1 / candidate["rows_per_second"] if candidate["rows_per_second"] else 0,
            "size": candidate["size_bytes"],
            "training": candidate["train_seconds"],
        },
        "mean": written.bare_milliseconds(latency.get("mean")),
        "p50": written.bare_milliseconds(latency.get("p50")),
        "p95": written.bare_milliseconds(latency.get("p95")),
        "cost": written.core_time(candidate["rows_per_second"]),
        "rate": written.rate(candidate["rows_per_second"]),
        "size": written.size(candidate["size_bytes"]),
        "training": written.seconds(candidate["train_seconds"]),
    }


def _board_note(page: Page) -> str:
    say, rows = page.say, {each["trained_on"] for each in page.trained}
    notes = [
        say(
            "Best first; brackets and bars are 95 % bootstrap intervals; the dashed line is the recommended one. The "
            "training time of an ensemble includes its members."
        )
    ]
    if page.split == "validation":
        return say.joined([*notes, say("All scores are on the validation rows.")])
    notes.append(say("Test rows were predicted once, after every choice."))
    has_refit = any("validation" in each for each in rows)
    if has_refit and len(rows) == 1:
        notes.append(
            say(
                "Test scores are of models trained on train + validation, validation scores of the same models trained "
                "on train alone."
            )
        )
    elif has_refit:
        notes.append(
            say(
                "A model that was trained again on train + validation has its test scores from that last training, and "
                "its validation scores from the one before, on train alone."
            )
        )
    return say.joined(notes)


def _second_metric(report: Mapping[str, Any]) -> str:
    """The metric that stands beside the one that decides."""
    metric = report["primary_metric"]
    others = [name for name in report.get("metrics", ("accuracy", "macro_f1")) if name != metric]
    return str(others[0]) if others else str(metric)
