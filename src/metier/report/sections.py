"""What the report says, section by section: from the facts of a run to sentences, rows and pictures.

Each section opens with its finding, so that a reader who stops there has read the section.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.evaluation.metric_names import metric_name
from metier.report import numbers as written
from metier.report.answers import by_type, worst
from metier.report.answers_in_detail import confused, labelled, mistaken, reliable
from metier.report.cascade import cascade_section
from metier.report.plots import (
    Estimate,
    difference_bar,
    difference_extent,
    frontier,
    interval_axis,
    interval_bar,
    quality_cost_plot,
    quality_scale,
)
from metier.report.provenance import made_section
from metier.report.studies import curve_section, seeds_section

SEVERITIES = {"error": "✗", "warning": "!", "note": "·"}


def view_of(report: Mapping[str, Any]) -> dict[str, Any]:
    """Give everything the template names, ready to be written down."""
    trained = _ranked(report)
    split = "test" if any(each["test"] for each in trained) else "validation"
    estimates = [_estimate(each, report) for each in trained]
    view = {
        "split": split,
        "metric": metric_name(report["primary_metric"]),
        "test_of_pairs": _test_of_pairs(report["primary_metric"]),
        "language": report["data"]["language"] or "",
        "run": report["run"],
        "format": report["format"],
        **_head(report, trained, split),
        "board": _board(report, trained, estimates, split),
        "cost": _cost(report, estimates),
        "pairs": _pairs(report),
        "no_pairs": _no_pairs(trained),
        "cascade": cascade_section(report["cascade"]) if report["cascade"] else None,
        "curves": curve_section(report),
        "seeds": seeds_section(report),
        **_answers(report),
        "audit": _audit(report["audit"]),
        "made": made_section(report),
    }
    return view | {"sections": _sections(view)}


def _answers(report: Mapping[str, Any]) -> dict[str, Any]:
    """The sections on the recommended candidate's answers: those that its kind of answer has."""
    detail = report["detail"]
    of_labels = detail.get("kind", "labels") == "labels"
    return {
        "confused": confused(detail) if of_labels else None,
        "reliability": reliable(detail) if of_labels else None,
        "mistakes": mistaken(detail) if of_labels else None,
        "labels": labelled(detail, report["data"]["label_counts"]) if of_labels else None,
        "worst": worst(report),
        "types": by_type(report),
    }


def answers_of(candidate: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the figures of record of a candidate: on test where there are test rows, else on validation."""
    figures: Mapping[str, Any] = candidate["test"] or candidate["validation"]
    return figures


def _ranked(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    trained = [each for each in report["candidates"] if each["status"] == "trained"]
    metric = report["primary_metric"]
    sign = _primary(report).upward
    return sorted(trained, key=lambda each: sign * answers_of(each)[metric]["value"], reverse=True)


def _primary(report: Mapping[str, Any]) -> written.Scale:
    """How the metric that decides is written."""
    return written.scale_of(report, report["primary_metric"])


def _second_metric(report: Mapping[str, Any]) -> str:
    """The metric that stands beside the one that decides."""
    metric = report["primary_metric"]
    others = [name for name in report.get("metrics", ("accuracy", "macro_f1")) if name != metric]
    return str(others[0]) if others else str(metric)


def _estimate(candidate: Mapping[str, Any], report: Mapping[str, Any]) -> Estimate:
    quality = answers_of(candidate)[report["primary_metric"]]
    latency, sign = candidate["latency_ms"] or {}, _primary(report).upward
    low, high = sorted((sign * quality["low"], sign * quality["high"]))
    return Estimate(
        name=candidate["name"],
        value=sign * quality["value"],
        low=low,
        high=high,
        cost_ms=latency.get("mean") or latency.get("p50"),
        is_recommended=candidate["name"] == report["recommended"],
    )


def _head(report: Mapping[str, Any], trained: Sequence[Mapping[str, Any]], split: str) -> dict[str, Any]:
    title, _, lead = report["recommendation"].partition(": ")
    if not lead:
        title, lead = f"ship {report['recommended']}", report["recommendation"]
    winner = next(each for each in trained if each["name"] == report["recommended"])
    spent = written.seconds(report["seconds"])
    if report["budget_seconds"]:
        spent += f" of a budget of {written.seconds(report['budget_seconds'])}"
    return {
        "title": _capitalised(title),
        "lead": _capitalised(lead).rstrip(".") + ".",
        "task": _capitalised(report["task"]),
        "origin": report["data"]["origin"],
        "created": report["created"],
        "day": written.day(report["created"]),
        "spent": spent,
        "version": report["versions"].get("metier", ""),
        "numbers": _three_numbers(winner, report, split),
        "reasons": [_capitalised(reason) for reason in report["reasons"]],
        "caution": None if split == "test" else NO_TEST,
    }


NO_TEST = (
    "There were no test rows. These figures are from the validation rows that also made the choices, so they "
    "are a little too good. Give rows that took no part with --test."
)


def _three_numbers(winner: Mapping[str, Any], report: Mapping[str, Any], split: str) -> list[dict[str, str]]:
    quality = answers_of(winner)[report["primary_metric"]]
    scale = _primary(report)
    decimals = scale.decimals(quality)
    rows = report["data"]["rows"].get(split) or 0
    latency = winner["latency_ms"] or {}
    batch = (
        f"; {written.rate(winner['rows_per_second'])} rows/s in batches" if winner["rows_per_second"] else ""
    )
    low, high = scale.bare(quality["low"], decimals), scale.bare(quality["high"], decimals)
    return [
        {
            "name": f"{metric_name(report['primary_metric'])} on {written.count(rows)} {split} rows",
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


def _board(
    report: Mapping[str, Any], trained: Sequence[Mapping[str, Any]], estimates: Sequence[Estimate], split: str
) -> dict[str, Any]:
    metric = report["primary_metric"]
    second = _second_metric(report)
    scale, primary, other = quality_scale(estimates), _primary(report), written.scale_of(report, second)
    chosen = next(each for each in trained if each["name"] == report["recommended"])
    decimals = primary.decimals(answers_of(chosen)[metric])  # One for all: ragged columns compare badly.
    reference = primary.upward * answers_of(chosen)[metric]["value"]
    absent = [each for each in report["candidates"] if each["status"] != "trained"]
    rows = [
        _board_row(candidate, (metric, primary), (second, other), decimals)
        | {
            "bar": interval_bar(estimate, scale, reference=reference, written=primary),
            "is_recommended": estimate.is_recommended,
        }
        for candidate, estimate in zip(trained, estimates, strict=True)
    ]
    return {
        "split": split,
        "has_test": split == "test",
        "first": metric_name(metric) + primary.unit,
        "second": metric_name(second) + other.unit,
        "unit": primary.unit,
        "axis": interval_axis(scale, written=primary),
        "rows": rows,
        "absent": [dict(each) | {"why": each["why"] or "No reason was given."} for each in absent],
        "is_mixed": len({each["trained_on"] for each in trained}) > 1,
        "note": _board_note(trained, split),
    }


def _board_row(
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
        "trained_on": candidate["trained_on"],
        "value": scale.bare(quality["value"], decimals),
        "bounds": scale.bounds(quality, decimals),
        "second": its_scale.bare(other["value"], own),
        "second_bounds": its_scale.bounds(other, own),
        "validation": scale.bare(validation["value"], decimals),
        "validation_bounds": scale.bounds(validation, decimals),
        "mean": written.bare_milliseconds(latency.get("mean")),
        "p50": written.bare_milliseconds(latency.get("p50")),
        "p95": written.bare_milliseconds(latency.get("p95")),
        "rate": written.rate(candidate["rows_per_second"]),
        "size": written.size(candidate["size_bytes"]),
        "training": written.seconds(candidate["train_seconds"]),
    }


def _board_note(trained: Sequence[Mapping[str, Any]], split: str) -> str:
    note = "Best first; brackets and bars are 95 % bootstrap intervals; the dashed line is the recommended one."
    rows = {each["trained_on"] for each in trained}
    has_refit = any("validation" in each for each in rows)
    if split == "validation":
        return f"{note} All figures are on the validation rows."
    note += " Test rows were answered once, after every choice."
    if has_refit and len(rows) == 1:
        note += (
            " Test figures are of models trained on train + validation, validation figures of the same models "
            "trained on train alone."
        )
    elif has_refit:
        note += (
            " A model that was trained again on train + validation has its test figures from that last "
            "training, and its validation figures from the one before, on train alone."
        )
    return note


def _cost(report: Mapping[str, Any], estimates: Sequence[Estimate]) -> dict[str, Any] | None:
    measured = [each for each in estimates if each.cost_ms]
    if len(measured) < 2:
        return None  # One point against nothing is no plot; the three numbers say it all.
    metric, scale = metric_name(report["primary_metric"]), _primary(report)
    note = "Whiskers are 95 % intervals. Further up is better, further left is faster."
    floor = quality_scale(measured)[0]
    if len(frontier([each for each in measured if each.value >= floor])) > 1:
        note += " The dotted line joins the candidates that no other beats in both."
    return {
        "finding": _cost_finding(measured, metric, scale),
        "note": note,
        "wide": quality_cost_plot(measured, metric=metric, width=860, height=420, written=scale),
        "narrow": quality_cost_plot(measured, metric=metric, width=360, height=380, written=scale),
    }


def _cost_finding(measured: Sequence[Estimate], metric: str, scale: written.Scale) -> str:
    chosen = next((each for each in measured if each.is_recommended), None)
    if chosen is None:
        return "The recommended candidate's cost was not measured."
    price = f"{written.milliseconds(chosen.cost_ms)} a row"
    best = max(measured, key=lambda each: each.value)
    if best.value == chosen.value:
        return f"{chosen.name} has the best {metric} of the field, at {price}."
    gap = scale.gap(best.value - chosen.value)
    times = (best.cost_ms or 0.0) / (chosen.cost_ms or 1.0)
    if times < 1.05:
        return f"{best.name} is {gap} better here, and no slower; the comparisons say how sure that is."
    return (
        f"{chosen.name} takes {price}. {best.name} is {gap} better on these rows, and takes "
        f"{written.times(times)} the time."
    )


def _pairs(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    comparisons, scale = report["comparisons"], _primary(report)
    extent = difference_extent([(each["low"], each["high"]) for each in comparisons])
    return [
        {
            "bar": difference_bar(each["difference"], each["low"], each["high"], extent=extent, written=scale),
            "sentence": _pair_sentence(each),
            "evidence": f"{scale.signed(each['difference'])}{' points' if scale.is_fraction else ''} "
            f"[{scale.signed(each['low'])}, {scale.signed(each['high'])}], "
            f"{written.p_value(each['p_value'])}",
        }
        for each in comparisons
    ]


def _pair_sentence(pair: Mapping[str, Any]) -> str:
    metric = metric_name(pair["metric"])
    if pair["verdict"] in ("a is better", "b is better"):
        better, worse = (pair["a"], pair["b"]) if pair["verdict"].startswith("a") else (pair["b"], pair["a"])
        if pair["metric"] == "accuracy":
            return f"{better} is more accurate than {worse}."
        return f"{better} has a better {metric} than {worse}."
    return f"No difference in {metric} is shown between {pair['a']} and {pair['b']}."


def _test_of_pairs(metric: str) -> str:
    if metric == "accuracy":
        return "Intervals are of the paired difference, in points; p is McNemar's exact test."
    return "Intervals are of the paired difference; p comes from swapping the answers of random rows."


def _no_pairs(trained: Sequence[Mapping[str, Any]]) -> str:
    if len(trained) == 1:
        return (
            f"{trained[0]['name']} is the only candidate that was trained: there is nothing to compare it with."
        )
    return "No two candidates were compared."


def _audit(findings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    order = list(SEVERITIES)
    ranked = sorted(findings, key=lambda each: order.index(each["severity"]))
    counts = [(severity, sum(each["severity"] == severity for each in findings)) for severity in SEVERITIES]
    listed = ", ".join(
        f"{number} {severity}{'s' if number > 1 else ''}" for severity, number in counts if number
    )
    finding = (
        f"{listed}. Nothing was dropped unless it is said here."
        if listed
        else "Nothing is wrong with the rows."
    )
    return {
        "finding": finding,
        "findings": [
            {
                "severity": each["severity"],
                "mark": SEVERITIES[each["severity"]],
                "sentence": each["sentence"],
                "remedy": each["remedy"],
                "examples": [_example(example) for example in each["examples"]],
            }
            for each in ranked
        ],
    }


def _example(example: Any) -> dict[str, str]:
    """Give the text of an example row, and beside it the number of the row and what else explains it."""
    if not isinstance(example, Mapping):
        return {"text": str(example), "aside": ""}
    rest = [f"{key} {written.plain(value)}" for key, value in example.items() if key not in ("text", "like")]
    like = [f"like “{example['like']}”"] if example.get("like") else []
    return {"text": written.plain(example.get("text")), "aside": ", ".join(rest + like)}


def _sections(view: Mapping[str, Any]) -> list[tuple[str, str]]:
    sections = [
        ("leaderboard", "Leaderboard", True),
        ("cost", "Quality against cost", view["cost"]),
        ("comparisons", "Comparisons", True),
        ("cascade", "Cascade", view["cascade"]),
        ("curves", "More labels", view["curves"]),
        ("seeds", "Seeds", view["seeds"]),
        ("confusions", "Confusions", view["confused"]),
        ("reliability", "Reliability", view["reliability"]),
        ("mistakes", "Mistakes", view["mistakes"]),
        ("labels", "Labels", view["labels"]),
        ("worst", "Worst answers", view["worst"]),
        ("types", "Types", view["types"]),
        ("check", "Check", True),
        ("made", "How it was made", True),
    ]
    return [(anchor, name) for anchor, name, is_there in sections if is_there]


def _capitalised(text: str) -> str:
    """Start with a capital, unless the sentence starts with a versioned name."""
    first = text.split(" ", 1)[0]
    return text if ".v" in first else text[:1].upper() + text[1:]
