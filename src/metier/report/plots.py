"""The pictures of the report, as inline SVG.

Drawn here and not by a plotting library, so that a picture takes the page's fonts and colours (also in the dark
and on paper), weighs a few kilobytes, and needs no script. Every text passes `Markup.format`, which escapes it.
Colours are classes of `report.css`; a picture tells nothing by colour alone. Lengths are pixels, y grows
downwards.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from scipy.special import betaincinv

from metier.report import svg
from metier.report.numbers import Scale, count, milliseconds, percent
from metier.report.plot_labels import Box, place_labels, text_width
from metier.report.words import ENGLISH, Words

PERCENT = Scale()
# A candidate is left off the scale when the rest can then be drawn this many times larger.
WORTH_LEAVING_OUT = 3.0
BAR_WIDTH, BAR_HEIGHT = 150, 20
FONT_PX = 12.0
WIDE = 500  # Pixels from which a plot has room to spare.
# Candidates that lie closer still get this much of a scale, a fraction: noise should look like noise.
SMALLEST_SPREAD = 0.01
# A difference past this would flatten the small ones, which are those in doubt.
LARGEST_DIFFERENCE = 0.15


@dataclass(frozen=True)
class Estimate:
    """A candidate's quality with its interval, and what an answer costs in milliseconds.

    More is better: an error stands here with a minus, which `Scale` takes off again when it is written.
    """

    name: str
    value: float
    low: float
    high: float
    cost_ms: float | None = None
    is_recommended: bool = False


def quality_scale(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Give the range of quality to draw: every interval, but not a baseline far below that would flatten the rest.

    Returns
    -------
    (low, high) : tuple of float
        Fractions; an estimate whose value is under `low` is off the scale.
    """
    ranked = sorted(estimates, key=lambda estimate: estimate.value)
    high = max(estimate.high for estimate in ranked)
    while len(ranked) > 1:
        spread = high - min(estimate.low for estimate in ranked)
        without = high - min(estimate.low for estimate in ranked[1:])
        if ranked[0].is_recommended or spread < WORTH_LEAVING_OUT * max(without, SMALLEST_SPREAD):
            break
        ranked = ranked[1:]
    low = min(estimate.low for estimate in ranked)
    padding = max(high - low, SMALLEST_SPREAD) * 0.06
    # Fractions end at 0 and 1; a figure that is not a fraction has other ends.
    bottom, top = 0.0 if low >= 0 else -math.inf, 1.0 if 0 < high <= 1 else math.inf
    return max(low - padding, bottom), min(high + padding, top)


def _written(estimate: Estimate, written: Scale) -> str:
    decimals = written.decimals({"low": estimate.low, "high": estimate.high})
    return written.whole(estimate.value * written.upward, decimals)


def _written_ends(estimate: Estimate, written: Scale) -> dict[str, str]:
    decimals = written.decimals({"low": estimate.low, "high": estimate.high})
    low, high = sorted((estimate.low * written.upward, estimate.high * written.upward))
    return {"low": written.bare(low, decimals), "high": written.bare(high, decimals)}


def interval_bar(
    estimate: Estimate,
    scale: tuple[float, float],
    *,
    reference: float | None,
    written: Scale = PERCENT,
    say: Words = ENGLISH,
) -> Markup:
    """Draw one interval on a scale shared with other rows, with a line where the reference lies."""
    place = svg.linear(scale, (4.0, BAR_WIDTH - 4.0))
    middle, kind = BAR_HEIGHT / 2, "mark" if estimate.is_recommended else "other"
    parts = [svg.line((0, middle), (BAR_WIDTH, middle), "grid")]
    if reference is not None:
        parts.append(svg.line((place(reference), 0), (place(reference), BAR_HEIGHT), "reference"))
    if estimate.value < scale[0]:
        parts.append(svg.polygon([(1, middle), (9, middle - 5), (9, middle + 5)], kind))
    else:
        low, high = max(place(estimate.low), 0.0), place(estimate.high)
        parts += [
            svg.line((low, middle), (high, middle), f"{kind} whisker"),
            svg.dot((place(estimate.value), middle), 4.5, kind),
        ]
    facts = {"value": _written(estimate, written), **_written_ends(estimate, written)}
    label = say("{value}, between {low} and {high}", **facts)
    if estimate.value < scale[0]:
        label = say("{value}, between {low} and {high}, left of the scale", **facts)
    return svg.picture(BAR_WIDTH, BAR_HEIGHT, parts, label=label, css="bar")


def interval_axis(scale: tuple[float, float], *, written: Scale = PERCENT, say: Words = ENGLISH) -> Markup:
    """Draw the scale that `interval_bar` uses, for the head of its column."""
    place = svg.linear(scale, (4.0, BAR_WIDTH - 4.0))
    parts = []
    factor = written.factor
    for tick in svg.nice_ticks(scale[0] * factor, scale[1] * factor, most=4):
        x = place(tick / factor)
        parts += [
            svg.line((x, 14), (x, 18), "axis"),
            svg.text((min(max(x, 10), BAR_WIDTH - 10), 10), written.tick(tick), "tick middle"),
        ]
    label = say("scale in percent") if written.is_fraction else say("scale")
    return svg.picture(BAR_WIDTH, 18, parts, label=label, css="bar")


def difference_extent(intervals: Sequence[tuple[float, float]]) -> float:
    """Give the largest difference to draw, a fraction: beyond some, its exact length is of no use."""
    ends = [max(abs(low), abs(high)) for low, high in intervals] or [0.0]
    drawn = [end for end in ends if end <= LARGEST_DIFFERENCE] or ends
    return max(*drawn, SMALLEST_SPREAD / 2) * 1.05


def difference_bar(
    pair: Mapping[str, Any], *, extent: float, written: Scale = PERCENT, say: Words = ENGLISH
) -> Markup:
    """Draw the interval of a difference around zero; one beyond `extent`, a fraction, becomes an arrow.

    Parameters
    ----------
    pair : mapping
        `difference`, `low`, `high` and `verdict`: one that the rows do not show is grey.
    """
    difference, low, high = pair["difference"], pair["low"], pair["high"]
    place = svg.linear((-extent, extent), (6.0, BAR_WIDTH - 6.0))
    middle = BAR_HEIGHT / 2
    kind = "mark" if pair["verdict"] in ("a is better", "b is better") else "other"
    parts = [
        svg.line((0, middle), (BAR_WIDTH, middle), "grid"),
        svg.line((place(0), 0), (place(0), BAR_HEIGHT), "axis"),
    ]
    label = say(
        "difference {value}, between {low} and {high}; the line is zero",
        value=written.signed(difference),
        low=written.signed(low),
        high=written.signed(high),
    )
    if abs(difference) > extent:
        tip, base = (BAR_WIDTH - 1, BAR_WIDTH - 9) if difference > 0 else (1, 9)
        parts.append(svg.polygon([(tip, middle), (base, middle - 5), (base, middle + 5)], kind))
        label += say(", beyond the scale")
    else:
        start, end = max(place(low), 0.0), min(place(high), float(BAR_WIDTH))
        parts += [
            svg.line((start, middle), (end, middle), f"{kind} whisker"),
            svg.dot((place(difference), middle), 4.5, kind),
        ]
    return svg.picture(BAR_WIDTH, BAR_HEIGHT, parts, label=label, css="bar")


def quality_cost_plot(
    estimates: Sequence[Estimate],
    *,
    metric: str,
    width: int,
    height: int,
    written: Scale = PERCENT,
    say: Words = ENGLISH,
) -> Markup:
    """Draw quality, with intervals, against the time of one answer on a logarithmic scale.

    Parameters
    ----------
    estimates : sequence of Estimate
        Those without a cost are left out.
    metric : str
        Name of the quality, for the axis.
    """
    shown = [estimate for estimate in estimates if estimate.cost_ms]
    scale = quality_scale(shown)
    frame = Box(52, 14, width - 14, height - 46)
    costs = _cost_range([estimate.cost_ms or 0.0 for estimate in shown])
    to_y = svg.linear(scale, (frame.bottom - 10, frame.top + 10))
    # Room for the name of the slowest, which is mostly the best, beside its point.
    room = max(text_width(estimate.name, FONT_PX) for estimate in shown) if width >= WIDE else 0.0
    to_x = svg.logarithmic(costs, (frame.left + 10, frame.right - 10 - min(room, width / 5)))
    anchors = [
        (to_x(e.cost_ms or 0.0), to_y(e.value) if e.value >= scale[0] else frame.bottom - 8) for e in shown
    ]
    parts = [
        *_quality_axes(frame, scale, to_y, metric, written),
        *_cost_axes(frame, costs, to_x, say),
        _frontier(shown, anchors, scale),
    ]
    obstacles, whiskers = [], []
    for estimate, (x, y) in sorted(zip(shown, anchors, strict=True), key=lambda pair: pair[0].is_recommended):
        kind, radius = ("mark", 6.5) if estimate.is_recommended else ("other", 5)
        obstacles.append(Box(x - 7, y - 7, x + 7, y + 7))
        if estimate.value < scale[0]:
            parts.append(svg.polygon([(x - 6, y - 4), (x + 6, y - 4), (x, y + 6)], kind))
            continue
        top, bottom = to_y(estimate.high), min(to_y(max(estimate.low, scale[0])), frame.bottom)
        whiskers.append(Box(x - 2, top, x + 2, bottom))
        parts += [svg.line((x, top), (x, bottom), f"{kind} whisker"), svg.dot((x, y), radius, kind)]
    texts = [_point_name(estimate, scale, written, say) for estimate in shown]
    parts += _point_labels(shown, texts, anchors, obstacles=obstacles, whiskers=whiskers, frame=frame)
    label = say("{metric} against milliseconds for one answer: ", metric=metric) + say("; ").join(
        f"{e.name} {_written(e, written)}, {milliseconds(e.cost_ms)}" for e in shown
    )
    return svg.picture(width, height, parts, label=label, css="plot")


def reliability_plot(bins: Sequence[Mapping[str, Any]], *, say: Words = ENGLISH) -> Markup:
    """Draw accuracy against confidence, and below it the number of rows.

    Parameters
    ----------
    bins : sequence of mapping
        Each with `low`, `high`, `confidence`, `accuracy` (fractions) and `rows`. Whiskers are 95 % Jeffreys
        intervals [1]_: a bin of five rows proves little, and should look it.

    References
    ----------
    .. [1] Brown, Cai and DasGupta, "Interval estimation for a binomial proportion", Statistical Science, 2001.
    """
    width, height = 400, 440
    frame, strip = Box(46, 12, width - 12, 330), Box(46, 356, width - 12, 396)
    to_x = svg.linear((0, 1), (frame.left, frame.right))
    to_y = svg.linear((0, 1), (frame.bottom, frame.top))
    filled = [each for each in bins if each["rows"]]
    parts = [
        *_share_axes(frame, strip, to_x, to_y, say),
        svg.line((to_x(0), to_y(0)), (to_x(1), to_y(1)), "reference"),
    ]
    spots = [(to_x(each["confidence"]), to_y(each["accuracy"])) for each in filled]
    parts.append(svg.polyline(spots, "mark trace"))
    for each, spot in zip(filled, spots, strict=True):
        low, high = jeffreys(each["accuracy"] * each["rows"], each["rows"])
        parts += [
            svg.line((spot[0], to_y(low)), (spot[0], to_y(high)), "mark whisker"),
            svg.dot(spot, 4.5, "mark"),
        ]
    parts += _count_bars(filled, strip, to_x)
    bars = [
        [percent(each["confidence"], 0), percent(each["accuracy"], 0), count(each["rows"])] for each in filled
    ]
    label = say("Accuracy by confidence: ") + say("; ").join(
        say("confidence {sure}, accuracy {right}, {rows} row(s|)", sure=sure, right=right, rows=rows)
        for sure, right, rows in bars
    )
    return svg.picture(width, height, parts, label=label, css="plot square")


def frontier(estimates: Iterable[Estimate]) -> list[Estimate]:
    """Give the estimates that no other beats in both quality and cost, cheapest first."""
    best: list[Estimate] = []
    for estimate in sorted(estimates, key=lambda each: (each.cost_ms or 0.0, -each.value)):
        if not best or estimate.value > best[-1].value:
            best.append(estimate)
    return best


def _point_labels(
    shown: Sequence[Estimate],
    texts: Sequence[str],
    anchors: Sequence[tuple[float, float]],
    *,
    obstacles: Sequence[Box],
    whiskers: Sequence[Box],
    frame: Box,
) -> list[Markup]:
    """Name each point; the recommended first, so that it has the best place."""
    order = sorted(range(len(shown)), key=lambda index: not shown[index].is_recommended)
    named, places = [texts[index] for index in order], [anchors[index] for index in order]
    labels = place_labels(named, places, obstacles=obstacles, frame=frame, font_px=FONT_PX, crossable=whiskers)
    parts = []
    for index, text, (x, y), label in zip(order, named, places, labels, strict=True):
        middle = (label.box.top + label.box.bottom) / 2
        if label.needs_leader:
            near = label.box.left - 2 if label.box.left > x else label.box.right + 2
            parts.append(svg.line((x, y), (near, middle), "leader"))
        css = "name strong" if shown[index].is_recommended else "name"
        # The width of a text is an estimate, so it is written from the side of its point.
        is_right = label.box.left > x
        spot = (label.box.left if is_right else label.box.right, middle + FONT_PX * 0.36)
        parts.append(svg.text(spot, text, css if is_right else f"{css} end"))
    return parts


def _point_name(estimate: Estimate, scale: tuple[float, float], written: Scale, say: Words) -> str:
    name = estimate.name if len(estimate.name) <= 26 else estimate.name[:25] + "…"
    if estimate.value >= scale[0]:
        return name
    return say("{name}: {value}, off the scale", name=name, value=_written(estimate, written))


def _quality_axes(
    frame: Box, scale: tuple[float, float], to_y: Callable[[float], float], metric: str, written: Scale
) -> list[Markup]:
    parts, factor = [], written.factor
    for tick in svg.nice_ticks(scale[0] * factor, scale[1] * factor, most=6):
        y = to_y(tick / factor)
        parts += [
            svg.line((frame.left, y), (frame.right, y), "grid"),
            svg.text((frame.left - 8, y + 4), written.tick(tick), "tick end"),
        ]
    turned = Markup('<text class="title middle" transform="translate(13 {:.1f}) rotate(-90)">{}</text>')
    return [*parts, turned.format((frame.top + frame.bottom) / 2, metric + written.unit)]


def _cost_axes(
    frame: Box, costs: tuple[float, float], to_x: Callable[[float], float], say: Words
) -> list[Markup]:
    parts = [svg.line((frame.left, frame.bottom), (frame.right, frame.bottom), "axis")]
    for tick in _log_ticks(*costs):
        x = to_x(tick)
        parts += [
            svg.line((x, frame.bottom), (x, frame.bottom + 5), "axis"),
            svg.text((x, frame.bottom + 18), f"{tick:,g}", "tick middle"),
        ]
    middle = (frame.left + frame.right) / 2
    title = say("milliseconds for one answer, on average (log scale)")
    return [*parts, svg.text((middle, frame.bottom + 38), title, "title middle")]


def _share_axes(
    frame: Box, strip: Box, to_x: Callable[[float], float], to_y: Callable[[float], float], say: Words
) -> list[Markup]:
    parts = [svg.line((strip.left, strip.bottom), (strip.right, strip.bottom), "axis")]
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts += [
            svg.line((frame.left, to_y(tick)), (frame.right, to_y(tick)), "grid"),
            svg.line((to_x(tick), frame.top), (to_x(tick), frame.bottom), "grid"),
            svg.text((frame.left - 8, to_y(tick) + 4), f"{tick * 100:.0f}", "tick end"),
            svg.text((min(to_x(tick), frame.right - 4), strip.bottom + 16), f"{tick * 100:.0f}", "tick middle"),
        ]
    turned = Markup('<text class="title middle" transform="translate(11 {:.1f}) rotate(-90)">{}</text>')
    middle = (frame.left + frame.right) / 2
    return [
        *parts,
        turned.format((frame.top + frame.bottom) / 2, say("accuracy, %")),
        svg.text((middle, strip.bottom + 36), say("confidence, %"), "title middle"),
    ]


def _count_bars(
    filled: Sequence[Mapping[str, Any]], strip: Box, to_x: Callable[[float], float]
) -> list[Markup]:
    most = max((each["rows"] for each in filled), default=1)
    parts = []
    for each in filled:
        left, right = to_x(each["low"]) + 1.5, to_x(each["high"]) - 1.5
        top = strip.bottom - max((strip.bottom - strip.top) * each["rows"] / most, 1.0)
        bar = Markup('<rect class="count" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
        parts.append(bar.format(left, top, max(right - left, 1.0), strip.bottom - top))
        parts.append(svg.text(((left + right) / 2, top - 4), count(each["rows"]), "small middle"))
    return parts


def _frontier(
    shown: Sequence[Estimate], anchors: Sequence[tuple[float, float]], scale: tuple[float, float]
) -> Markup:
    places = {estimate.name: anchor for estimate, anchor in zip(shown, anchors, strict=True)}
    on_scale = [estimate for estimate in frontier(shown) if estimate.value >= scale[0]]
    return svg.polyline([places[estimate.name] for estimate in on_scale], "frontier")


def jeffreys(right: float, rows: int) -> tuple[float, float]:
    """Give the 95 % Jeffreys interval of a share of rows."""
    low = float(betaincinv(right + 0.5, rows - right + 0.5, 0.025)) if right > 0 else 0.0
    high = float(betaincinv(right + 0.5, rows - right + 0.5, 0.975)) if right < rows else 1.0
    return low, high


def _cost_range(costs: Sequence[float]) -> tuple[float, float]:
    """Give the ends of the cost axis: room on both sides, and at least a factor of ten."""
    low, high = min(costs) / 1.6, max(costs) * 1.6
    short = math.sqrt(max(10 / (high / low), 1.0))
    return low / short, high * short


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10.0**power for power in powers for factor in factors]
        inside = [float(f"{tick:.3g}") for tick in ticks if low <= tick <= high]
        if len(inside) <= 7:
            return inside
    return inside
