"""A policy to begin with, from what a run measured; every condition stands there with its reason, to be edited.

Thresholds stand below what was measured on the test rows, so that a bundle that has not become worse is let through, also
where several conditions share the error budget: twice the way from the metric to the lower end of its interval, a
calibration error of three hundredths or twice the one measured, languages a tenth below the whole, and costs half as much
again.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from metier.assurance.conditions import OVERALL
from metier.assurance.figures.of_slices import PREFIX
from metier.bundles import load_bundle, resolve_bundle
from metier.bundles.loading import Bundle
from metier.errors import CallError
from metier.evaluation import higher_is_better
from metier.evaluation.row_measures import is_fraction

CALIBRATION_ERROR = 0.03
MORE_ERROR, MORE_TIME = 2.0, 1.5  # Times what was measured.
WIDER = 2.0  # Times the distance to the end of the interval.
DIGITS = 3
LEAST_SHARE = 0.05  # Of a language among the texts, to be judged apart.


def draft_policy(bundle: str | Path, *, rows: str | None = None, told: Callable[[str], str] = str) -> str:
    """Write a policy for a bundle, as text.

    Parameters
    ----------
    bundle : path
        A bundle or a run (its recommended candidate).
    rows : str, optional
        The labelled rows to measure on; None: the line is left to be filled in.
    told : callable
        Says a comment in another language.

    Raises
    ------
    CallError
        If the bundle states no figure of its test rows.
    """
    model = load_bundle(resolve_bundle(bundle))
    conditions = [
        line
        for text, severity, why in _conditions(model)
        for line in (f"  # {told(why)}", f"  - condition: {text}", f"    severity: {severity}")
    ]
    metric = model.manifest.task.primary_metric
    lines = [
        _note(
            told,
            "What a model must show before it may go live; judged by: metier gate RUN_OR_BUNDLE --policy FILE",
        ),
        _note(
            told,
            f"Written for {model.name}. Edit it: a threshold is a decision of yours, and what was measured once is none.",
        ),
        "version: 1",
        _note(told, "Labelled rows that the model was not trained on, relative to this file."),
        "# rows: test.csv" if rows is None else f"rows: {_quoted(rows)}",
        _note(told, "With this probability none of the verdicts is wrong, all conditions together."),
        "level: 0.95",
        _note(told, "Whether a blocker that so few rows cannot decide blocks, or passes."),
        "cannot_tell: blocks",
        "conditions:",
        *conditions,
        _note(
            told,
            "Not worse than the bundle that answers today by more than half a point; name it with --live or as live.",
        ),
        f"#  - {metric} >= live - 0.005",
        _note(told, "Questions that must be answered right, every one, in a file like the training rows."),
        "# golden: golden.csv",
        _note(told, "Conditions that need not hold for a while."),
        *("# waivers:", "#   - condition: …", "#     who: …", "#     why: …", "#     until: 2027-01-31"),
    ]
    return "\n".join(lines) + "\n"


def _note(told: Callable[[str], str], text: str) -> str:
    return f"# {told(text)}"


def _conditions(model: Bundle) -> Iterator[tuple[str, str, str]]:
    metric = model.manifest.task.primary_metric
    measured = model.manifest.metrics.get("test") or {}
    figure = measured.get(metric)
    if not isinstance(figure, dict) or figure.get("low") is None:
        raise CallError(
            f"{model.folder} states no {metric} of its test rows, so no threshold can be drawn from it. Give the folder "
            "of a run that `metier train` finished."
        )
    up = higher_is_better(metric)
    end, sign = (figure["low"], ">=") if up else (figure["high"], "<=")
    threshold = figure["value"] + WIDER * (end - figure["value"])
    value = f"{figure['value']:.{DIGITS}g} [{figure['low']:.{DIGITS}g}, {figure['high']:.{DIGITS}g}]"
    text = f"{metric} {sign} {_round(threshold, up=not up)}"
    yield (
        text,
        "blocker",
        f"The test rows of its run showed {value}; this is twice as far off as the end of that interval.",
    )
    if "calibration_error" in measured:
        at_most = max(CALIBRATION_ERROR, MORE_ERROR * float(measured["calibration_error"]))
        why = f"How far probabilities are from shares of right answers; measured: {measured['calibration_error']:.3f}."
        yield f"ece <= {_round(at_most, up=True)}", "warning", why
    if up and is_fraction(metric):
        yield from _languages(model, "accuracy" if "accuracy" in measured else metric)
    cost = model.manifest.measured
    if cost is not None:
        at_most = _round(MORE_TIME * cost.latency_ms.p95, up=True)
        yield (
            f"latency_ms.p95 <= {at_most}",
            "warning",
            f"Measured when it was sealed: {cost.latency_ms.p95:.3g} ms.",
        )


def _languages(model: Bundle, metric: str) -> Iterator[tuple[str, str, str]]:
    found = {name: share for name, share in model.manifest.data.language_shares.items() if share >= LEAST_SHARE}
    if len(found) > 1:
        for name in found:
            why = "A language is not answered much worse than the whole."
            yield f"{PREFIX}language={name}.{metric} >= 0.9 * {OVERALL}", "blocker", why


def _round(value: float, *, up: bool) -> float:
    """Round to three digits, towards what is easier to keep."""
    if value == 0:
        return 0.0
    step = 10 ** (math.floor(math.log10(abs(value))) - DIGITS + 1)
    steps = math.ceil(value / step) if up else math.floor(value / step)
    return round(float(steps * step), 10)


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "''") + "'"
