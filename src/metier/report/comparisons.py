"""Candidates beside one another: quality against cost, and whether the difference between two is real."""

from collections.abc import Mapping, Sequence
from typing import Any

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
    """Give the paired comparisons of the recommended candidate with each other one."""
    return {
        "pairs": _pairs(page),
        "test_of_pairs": _test_of_pairs(page),
        "no_pairs": _no_pairs(page),
    }


def compared(page: Page) -> list[str]:
    """Say of each other candidate whether the recommended one is better, and by how much."""
    return [
        page.say.joined([_pair_sentence(page, each), _evidence(page, each)])
        for each in page.report.get("comparisons", ())
    ]


def _pairs(page: Page) -> list[dict[str, Any]]:
    comparisons, scale = page.report["comparisons"], page.primary
    extent = difference_extent([(each["low"], each["high"]) for each in comparisons])
    return [
        {
            "bar": difference_bar(each, extent=extent, written=scale, say=page.say),
            "sentence": _pair_sentence(page, each),
            "evidence": _evidence(page, each),
        }
        for each in comparisons
    ]


def _pair_sentence(page: Page, pair: Mapping[str, Any]) -> str:
    metric = page.named(pair["metric"])
    if pair["verdict"] not in ("a is better", "b is better"):
        return page.say(
            "No difference in {metric} is shown between {a} and {b}.", metric=metric, a=pair["a"], b=pair["b"]
        )
    better, worse = (pair["a"], pair["b"]) if pair["verdict"].startswith("a") else (pair["b"], pair["a"])
    if pair["metric"] == "accuracy":
        return page.say("{better} is more accurate than {worse}.", better=better, worse=worse)
    return page.say("{better} has a better {metric} than {worse}.", better=better, metric=metric, worse=worse)


def _evidence(page: Page, pair: Mapping[str, Any]) -> str:
    scale = page.primary
    gap = scale.signed(pair["difference"])
    parts = [
        f"{page.say('{points} points', points=gap) if scale.is_fraction else gap} "
        f"[{scale.signed(pair['low'])}, {scale.signed(pair['high'])}]",
        page.adjusted_p(pair["p_value"]),
    ]
    if pair.get("chance_worse") is not None and page.report.get("decision"):
        parts.append(
            page.say(
                "{chance} chance that {name} is more than {tolerance} worse",
                chance=written.chance(pair["chance_worse"]),
                name=pair["a"],
                tolerance=page.tolerance,
            )
        )
    return page.say(", ").join(parts)


def _test_of_pairs(page: Page) -> str:
    return page.say(
        "Intervals are of the paired difference, each by itself; p is adjusted for the number of candidates (max-T), "
        "so a difference whose interval leaves out zero may still not be significant."
    )


def _no_pairs(page: Page) -> str:
    if len(page.trained) == 1:
        return page.say(
            "{name} is the only candidate that was trained: there is nothing to compare it with.",
            name=page.trained[0]["name"],
        )
    return page.say("No two candidates were compared.")


def quality_against_cost(page: Page) -> dict[str, Any] | None:
    """Give quality against the time of one answer; None where there is nothing to compare."""
    measured = [each for each in page.estimates if each.cost_ms]
    if len(measured) < 2:
        return None  # One point against nothing is not a plot; the three numbers are enough.
    metric, scale, say = page.metric, page.primary, page.say
    notes = [say("Whiskers are 95 % intervals. Further up is better, further left is faster.")]
    lowest = quality_scale(measured)[0]
    if len(frontier([each for each in measured if each.value >= lowest])) > 1:
        notes.append(say("The dotted line connects the candidates that no other beats in both."))
    return {
        "finding": _cost_finding(page, measured),
        "note": say.joined(notes),
        "wide": quality_cost_plot(measured, metric=metric, width=860, height=420, written=scale, say=say),
        "narrow": quality_cost_plot(measured, metric=metric, width=360, height=380, written=scale, say=say),
    }


def _cost_finding(page: Page, measured: Sequence[Estimate]) -> str:
    say = page.say
    chosen = next((each for each in measured if each.is_recommended), None)
    if chosen is None:
        return say("The recommended candidate's cost was not measured.")
    price = written.milliseconds(chosen.cost_ms)
    best = max(measured, key=lambda each: each.value)
    if best.value == chosen.value:
        return say(
            "{name} has the best {metric} of the candidates on the {split} rows, at {price} a row.",
            name=chosen.name,
            metric=page.metric,
            split=say(page.split),
            price=price,
        )
    facts = {"name": chosen.name, "best": best.name, "gap": page.gap(best.value - chosen.value), "price": price}
    ratio = (best.cost_ms or 0.0) / (chosen.cost_ms or 1.0)
    if ratio < 1.05:
        return say(
            "{best} is {gap} better here, and no slower; the comparisons show how certain that is.", **facts
        )
    return say(
        "{name} takes {price} a row. {best} is {gap} better on these rows, and takes {ratio} times the time.",
        ratio=written.ratio(ratio),
        **facts,
    )
