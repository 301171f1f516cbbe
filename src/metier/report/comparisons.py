"""Candidates beside one another: quality against cost, and whether the difference between two is real."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.evaluation.measure_table import metric_name
from metier.report import numbers as written
from metier.report.plots import (
    Estimate,
    difference_bar,
    difference_extent,
    frontier,
    quality_cost_plot,
    quality_scale,
)
from metier.report.section import Page


def comparisons_section(page: Page) -> dict[str, Any]:
    """Give the paired comparisons between neighbours of the leaderboard."""
    return {
        "pairs": _pairs(page),
        "test_of_pairs": _test_of_pairs(page.report["primary_metric"]),
        "no_pairs": _no_pairs(page.trained),
    }


def _pairs(page: Page) -> list[dict[str, Any]]:
    comparisons, scale = page.report["comparisons"], page.primary
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


def quality_against_cost(page: Page) -> dict[str, Any] | None:
    """Give quality against the time of one answer; None where there is nothing to compare."""
    measured = [each for each in page.estimates if each.cost_ms]
    if len(measured) < 2:
        return None  # One point against nothing is not a plot; the three numbers are enough.
    metric, scale = page.metric, page.primary
    note = "Whiskers are 95 % intervals. Further up is better, further left is faster."
    lowest = quality_scale(measured)[0]
    if len(frontier([each for each in measured if each.value >= lowest])) > 1:
        note += " The dotted line connects the candidates that no other beats in both."
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
        return f"{chosen.name} has the best {metric} of the candidates, at {price}."
    gap = scale.gap(best.value - chosen.value)
    times = (best.cost_ms or 0.0) / (chosen.cost_ms or 1.0)
    if times < 1.05:
        return f"{best.name} is {gap} better here, and no slower; the comparisons show how certain that is."
    return (
        f"{chosen.name} takes {price}. {best.name} is {gap} better on these rows, and takes "
        f"{written.times(times)} the time."
    )
