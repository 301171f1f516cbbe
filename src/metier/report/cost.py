"""Quality against cost: what a better answer costs in time."""

from collections.abc import Sequence
from typing import Any

from metier.report import numbers as written
from metier.report.plots import Estimate, frontier, quality_cost_plot, quality_scale
from metier.report.section import Page


def quality_against_cost(page: Page) -> dict[str, Any] | None:
    """Give quality against the time of one answer; None where there is nothing to compare."""
    measured = [each for each in page.estimates if each.cost_ms]
    if len(measured) < 2:
        return None  # One point against nothing is no plot; the three numbers are enough.
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
        return f"{best.name} is {gap} better here, and no slower; the comparisons show how sure that is."
    return (
        f"{chosen.name} takes {price}. {best.name} is {gap} better on these rows, and takes "
        f"{written.times(times)} the time."
    )
