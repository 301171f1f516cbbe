"""The picture of learning curves: figures against rows, rows doubling from tick to tick."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from metier.report import svg
from metier.report.numbers import Scale, count
from metier.report.plot_labels import Box
from metier.report.words import ENGLISH, Words

# Of a curve that starts near nothing the upper end would be a line: what is learned last is what is asked.
MOST_SPREAD = 4.0


def curve_plot(
    curves: Sequence[Mapping[str, Any]],
    recommended: str,
    metric: str,
    written: Scale,
    *,
    width: int,
    height: int,
    say: Words = ENGLISH,
) -> Markup:
    """Draw what each size gave, and with a whisker what twice the rows would give.

    Parameters
    ----------
    curves : sequence of mapping
        As in `report.json`: each with `name`, `points` and `doubled`.
    """
    frame = Box(52, 14, width - 16, height - 46)
    sizes = sorted({point["rows"] for each in curves for point in each["points"]})
    most = max([each["doubled"]["rows"] for each in curves if each["doubled"]] or [sizes[-1]])
    low, high = _ends(curves, written)
    to_x = svg.logarithmic((sizes[0], most), (frame.left + 8, frame.right - 8))
    to_y = svg.linear((low, high), (frame.bottom, frame.top))
    parts = _axes(frame, sorted({*sizes, most}), (low, high), to=(to_x, to_y), written=written)
    parts.append(svg.text((frame.left - 40, frame.top - 2), metric + written.unit, "tick"))
    parts.append(svg.text(((frame.left + frame.right) / 2, height - 6), say("training rows"), "tick middle"))
    for each in sorted(curves, key=lambda one: one["name"] == recommended):
        parts += _curve(
            each, "mark" if each["name"] == recommended else "other", to=(to_x, to_y), written=written, low=low
        )
    label = say("{metric} by training rows; ", metric=metric)
    label += say("; ").join(_written(each, written) for each in curves)
    return svg.picture(width, height, parts, label=label, css="plot")


def _up(figure: float, written: Scale) -> float:
    return figure * written.upward


def _ends(curves: Sequence[Mapping[str, Any]], written: Scale) -> tuple[float, float]:
    last = [_up(each["points"][-1]["value"], written) for each in curves]
    every = [_up(point["value"], written) for each in curves for point in each["points"]]
    ahead = [
        _up(each["doubled"][end], written) for each in curves if each["doubled"] for end in ("low", "high")
    ]
    high = max([*every, *ahead])
    low = min([*every, *ahead])
    shown = max(high - min(last), 0.02) * MOST_SPREAD
    low = max(low, high - shown)
    padding = (high - low) * 0.06 or 0.01
    return low - padding, high + padding


def _axes(
    frame: Box, rows: Sequence[int], ends: tuple[float, float], *, to: tuple[Any, Any], written: Scale
) -> list[Markup]:
    parts, (to_x, to_y) = [], to
    for tick in svg.nice_ticks(ends[0] * written.factor, ends[1] * written.factor, most=6):
        y = to_y(tick / written.factor)
        parts += [
            svg.line((frame.left, y), (frame.right, y), "grid"),
            svg.text((frame.left - 6, y + 4), written.tick(tick), "tick end"),
        ]
    for number in rows:
        x = to_x(number)
        parts += [
            svg.line((x, frame.bottom), (x, frame.bottom + 4), "axis"),
            svg.text((x, frame.bottom + 18), count(number), "tick middle"),
        ]
    return parts


def _curve(
    each: Mapping[str, Any], kind: str, *, to: tuple[Any, Any], written: Scale, low: float
) -> list[Markup]:
    to_x, to_y = to
    seen = [point for point in each["points"] if _up(point["value"], written) >= low]
    spots = [(to_x(point["rows"]), to_y(_up(point["value"], written))) for point in seen]
    parts = [svg.polyline(spots, f"{kind} trace")] if len(spots) > 1 else []
    parts += [svg.dot(spot, 4.5, kind) for spot in spots]
    doubled = each["doubled"]
    if doubled and spots:
        x = to_x(doubled["rows"])
        ends = sorted(to_y(max(_up(doubled[end], written), low)) for end in ("low", "high"))
        parts += [
            svg.line(spots[-1], (x, to_y(_up(doubled["value"], written))), f"{kind} reference"),
            svg.line((x, ends[0]), (x, ends[1]), f"{kind} whisker"),
            svg.dot((x, to_y(_up(doubled["value"], written))), 3.0, kind),
        ]
    if spots:
        parts.append(svg.text((spots[-1][0] - 8, spots[-1][1] - 9), each["name"], "name end"))
    return parts


def _written(each: Mapping[str, Any], written: Scale) -> str:
    values = ", ".join(
        f"{count(point['rows'])}: {written.whole(point['value'], 1)}" for point in each["points"]
    )
    if each["doubled"]:
        values += f", {count(each['doubled']['rows'])}: ≈ {written.whole(each['doubled']['value'], 1)}"
    return f"{each['name']} {values}"
