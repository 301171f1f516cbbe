"""How accurate answers are when only the confident ones are given: the curve of coverage and accuracy."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from metier.report import numbers as written
from metier.report import svg
from metier.report.plot_labels import Box
from metier.report.plots import jeffreys
from metier.report.section import Page

# Shares of the rows that the table shows, as near as the confidences allow.
SHOWN = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.25)
NAMED = 0.9  # The share that the finding names.
WIDTH, HEIGHT = 640, 320


def coverage_section(page: Page) -> dict[str, Any] | None:
    """Give how many answers reach a confidence and how many of those are right; None where answers have none."""
    curve = page.report["detail"].get("coverage")
    if not curve:
        return None
    say = page.say
    shown = _nearest(curve, SHOWN)
    return {
        "finding": _finding(page, curve),
        "sentences": [
            say(
                "Whoever asks a person where the confidence is low gets the accuracy at the left. The figures are of "
                "the {split} rows: a threshold that is chosen on them looks a little too good.",
                split=say(page.report["detail"]["split"]),
            )
        ],
        "pictures": [coverage_plot(page, curve, shown)] if len(curve) > 2 else [],
        "tables": [
            {
                "title": say("Accuracy by the share of rows answered"),
                "columns": [
                    (say("confidence at least"), True),
                    (say("rows answered"), True),
                    (say("share, %"), True),
                    (say("right, %"), True),
                    (say("95 % interval"), True),
                ],
                "rows": [_row(point) for point in shown],
            }
        ],
    }


def _row(point: Mapping[str, Any]) -> list[str]:
    low, high = jeffreys(point["accuracy"] * point["rows"], point["rows"])
    return [
        written.confidence(point["threshold"]),
        written.count(point["rows"]),
        written.points(point["coverage"], 0),
        written.points(point["accuracy"]),
        written.bounds({"low": low, "high": high}),
    ]


def _finding(page: Page, curve: Sequence[Mapping[str, Any]]) -> str:
    say, whole = page.say, curve[-1]
    everything = say(
        "It answers all {rows} rows with {accuracy} right.",
        rows=written.count(whole["rows"]),
        accuracy=written.percent(whole["accuracy"]),
    )
    part = min(curve, key=lambda point: abs(point["coverage"] - NAMED))
    if part["rows"] in (0, whole["rows"]):
        return say.joined([everything, say("Its confidences are too alike to leave some of them out.")])
    confident = say(
        "Where its confidence is at least {threshold} it answers {share} of them with {accuracy} right.",
        threshold=written.confidence(part["threshold"]),
        share=written.percent(part["coverage"], 0),
        accuracy=written.percent(part["accuracy"]),
    )
    return say.joined([everything, confident])


def _nearest(curve: Sequence[Mapping[str, Any]], shares: Sequence[float]) -> list[Mapping[str, Any]]:
    nearest = [min(curve, key=lambda point: abs(point["coverage"] - share)) for share in shares]
    return [point for place, point in enumerate(nearest) if point not in nearest[:place]]


def coverage_plot(page: Page, curve: Sequence[Mapping[str, Any]], shown: Sequence[Mapping[str, Any]]) -> Markup:
    """Draw the accuracy against the share of rows answered, with 95 % Jeffreys intervals where the table has rows."""
    frame = Box(52, 14, WIDTH - 16, HEIGHT - 46)
    ends = [jeffreys(point["accuracy"] * point["rows"], point["rows"]) for point in shown]
    lowest = min([low for low, _ in ends] + [point["accuracy"] for point in curve])
    to_x = svg.linear((0, 1), (frame.left, frame.right))
    to_y = svg.linear((max(lowest - 0.02, 0.0), 1.0), (frame.bottom, frame.top))
    parts = []
    for tick in svg.nice_ticks(100 * max(lowest - 0.02, 0.0), 100, most=6):
        y = to_y(tick / 100)
        parts += [
            svg.line((frame.left, y), (frame.right, y), "grid"),
            svg.text((frame.left - 6, y + 4), f"{tick:g}", "tick end"),
        ]
    for tick in range(0, 101, 20):
        x = to_x(tick / 100)
        parts += [
            svg.line((x, frame.bottom), (x, frame.bottom + 4), "axis"),
            svg.text((x, frame.bottom + 18), str(tick), "tick middle"),
        ]
    middle = (frame.left + frame.right) / 2
    parts.append(svg.text((middle, HEIGHT - 8), page.say("share of rows answered, %"), "title middle"))
    turned = Markup('<text class="title middle" transform="translate(13 {:.1f}) rotate(-90)">{}</text>')
    parts.append(turned.format((frame.top + frame.bottom) / 2, page.say("right, %")))
    spots = [(to_x(point["coverage"]), to_y(point["accuracy"])) for point in curve]
    parts.append(svg.polyline(spots, "mark trace"))
    for point, (low, high) in zip(shown, ends, strict=True):
        x = to_x(point["coverage"])
        parts += [
            svg.line((x, to_y(low)), (x, to_y(high)), "mark whisker"),
            svg.dot((x, to_y(point["accuracy"])), 4.5, "mark"),
        ]
    label = page.say("Accuracy by the share of rows answered") + page.say(": ")
    label += page.say("; ").join(
        f"{written.percent(point['coverage'], 0)}: {written.percent(point['accuracy'])}" for point in shown
    )
    return svg.picture(WIDTH, HEIGHT, parts, label=label, css="plot medium")
