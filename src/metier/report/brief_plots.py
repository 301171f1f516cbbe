"""The pictures of the morning brief: counts in the band of what was expected, and shares with their intervals."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from metier.report import svg
from metier.report.numbers import count
from metier.report.words import Words

MARGIN_LEFT, MARGIN_RIGHT, MARGIN_TOP, MARGIN_BOTTOM = 34, 8, 22, 22
PERIODS = {"day": timedelta(days=1), "hour": timedelta(hours=1)}
SPARK_WIDTH, SPARK_HEIGHT = 130, 26
SHARE_WIDTH, SHARE_HEIGHT = 220, 30
SPACE = 0.18  # Between bars, as a share of a period.


def counts_plot(
    chart: Mapping[str, Any],
    *,
    period: str,
    say: Words,
    width: int,
    since: str | None = None,
    raised: str | None = None,
) -> Markup:
    """Draw counts as bars over the band of what was expected; bars of an alarm are marked, and when it was raised.

    Parameters
    ----------
    chart : mapping
        `first`, `counts`, `expected`, `low` and `high`; None where nothing was expected.
    since, raised : str, optional
        Of the alarm, as ISO times.
    """
    height = 190 if width > 500 else 170
    counts = chart["counts"]
    top = max([*counts, *(one for one in chart["high"] if one is not None), 1]) * 1.06
    x = svg.linear((0, len(counts)), (MARGIN_LEFT, width - MARGIN_RIGHT))
    y = svg.linear((0, top), (height - MARGIN_BOTTOM, MARGIN_TOP))
    begins, told = _place(chart, period, since), _place(chart, period, raised)
    parts = [*_grid(top, y, width), *_band(chart, x, y)]
    for place, n in enumerate(counts):
        css = "bar surge" if begins is not None and place >= begins else "bar"
        parts.append(_bar(x(place + SPACE / 2), y(n), x(place + 1 - SPACE / 2), y(0), css))
    parts += _expected_line(chart, x, y)
    if told is not None and 0 <= told < len(counts):
        parts += _marker(x(told + 0.5), say("alarm"), width)
    parts += _dates(chart, period, x, height, most=7 if width > 500 else 4)
    label = say(
        "messages by {period}, the last {n}: {last}", period=say(period), n=len(counts), last=counts[-1]
    )
    return svg.picture(width, height, parts, label=label, css="plot")


def _place(chart: Mapping[str, Any], period: str, moment: str | None) -> int | None:
    if moment is None:
        return None
    return int((datetime.fromisoformat(moment) - datetime.fromisoformat(chart["first"])) / PERIODS[period])


def _grid(top: float, y: Any, width: int) -> list[Markup]:
    parts = []
    for tick in svg.nice_ticks(0, top, most=4):
        parts.append(svg.line((MARGIN_LEFT, y(tick)), (width - MARGIN_RIGHT, y(tick)), "grid"))
        parts.append(svg.text((MARGIN_LEFT - 6, y(tick) + 4), count(int(tick)), "tick end"))
    return parts


def _band(chart: Mapping[str, Any], x: Any, y: Any) -> list[Markup]:
    """Draw the band of each run of periods of which something was expected, as steps."""
    upper, lower = [], []
    for place, (low, high) in enumerate(zip(chart["low"], chart["high"], strict=True)):
        if low is not None and high is not None:
            upper += [(x(place), y(high)), (x(place + 1), y(high))]
            lower += [(x(place), y(low)), (x(place + 1), y(low))]
    return [svg.polygon([*upper, *reversed(lower)], "band")] if upper else []


def _expected_line(chart: Mapping[str, Any], x: Any, y: Any) -> list[Markup]:
    spots = [
        (x(place + side), y(mean))
        for place, mean in enumerate(chart["expected"])
        if mean is not None
        for side in (0, 1)
    ]
    return [svg.polyline(spots, "expected")] if spots else []


def _bar(left: float, upper: float, right: float, lower: float, css: str) -> Markup:
    shape = Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
    return shape.format(css, left, upper, max(right - left, 0.5), max(lower - upper, 0.0))


def _marker(x: float, word: str, width: int) -> list[Markup]:
    corners = [(x - 5, MARGIN_TOP - 12), (x + 5, MARGIN_TOP - 12), (x, MARGIN_TOP - 4)]
    near_end = x > width - 70
    spot = (x - 9, MARGIN_TOP - 3) if near_end else (x + 9, MARGIN_TOP - 3)
    return [
        svg.line((x, MARGIN_TOP - 4), (x, MARGIN_TOP), "alarm"),
        svg.polygon(corners, "alarm"),
        svg.text(spot, word, "alarm end" if near_end else "alarm"),
    ]


def _dates(chart: Mapping[str, Any], period: str, x: Any, height: int, *, most: int) -> list[Markup]:
    n = len(chart["counts"])
    first, step = datetime.fromisoformat(chart["first"]), max(-(-n // most), 1)
    form = "%m-%d" if period == "day" else "%m-%d %H"
    parts = []
    for place in range(n - 1, -1, -step):
        at = min(max(x(place + 0.5), MARGIN_LEFT + 14), x(n) - 16)
        parts.append(svg.text((at, height - 6), f"{first + place * PERIODS[period]:{form}}", "tick middle"))
    return parts


def spark(counts: Sequence[int], *, n_now: int, say: Words) -> Markup:
    """Draw the counts of a series as a row of small bars, those of now marked."""
    x = svg.linear((0, len(counts)), (0, SPARK_WIDTH))
    y = svg.linear((0, max([*counts, 1])), (SPARK_HEIGHT, 2))
    parts = [
        _bar(
            x(place + 0.1),
            y(n),
            x(place + 0.9),
            SPARK_HEIGHT,
            "bar now" if place >= len(counts) - n_now else "bar",
        )
        for place, n in enumerate(counts)
    ]
    label = say("the last {n} counts, {least} to {most}", n=len(counts), least=min(counts), most=max(counts))
    return svg.picture(SPARK_WIDTH, SPARK_HEIGHT, parts, label=label, css="spark")


def share_plot(
    now: Mapping[str, float], before: Mapping[str, float] | None, *, most: float, label: str
) -> Markup:
    """Draw a share with its interval, and what it was before beneath it."""
    x = svg.linear((0, max(most, 0.01)), (6, SHARE_WIDTH - 6))
    parts = [svg.line((x(0), SHARE_HEIGHT / 2), (SHARE_WIDTH - 6, SHARE_HEIGHT / 2), "grid")]
    if before is not None:
        parts += [
            svg.line((x(before["low"]), 22), (x(before["high"]), 22), "other whisker"),
            svg.dot((x(before["value"]), 22), 3.5, "other"),
        ]
    parts += [
        svg.line((x(now["low"]), 9), (x(now["high"]), 9), "mark whisker"),
        svg.dot((x(now["value"]), 9), 4.5, "mark"),
    ]
    return svg.picture(SHARE_WIDTH, SHARE_HEIGHT, parts, label=label, css="share")
