"""Whether the difference between two candidates is real: paired tests on the same rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.evaluation.metric_names import metric_name
from metier.report import numbers as written
from metier.report.plots import difference_bar, difference_extent
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
