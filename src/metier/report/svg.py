"""The strokes that the report's pictures are made of, and the scales that place them.

Every text passes `Markup.format`, which escapes it. Colours are classes of `report.css`. Lengths are pixels, y
grows downwards.
"""

import math
from collections.abc import Callable, Iterable

from markupsafe import Markup


def nice_ticks(low: float, high: float, *, most: int) -> list[float]:
    """Give one to `most` round numbers between two ends: steps of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(max(high - low, 1e-9) / most))
    for step in (power * factor for factor in (1, 2, 5, 10, 20, 50)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return [round(index * step, 10) for index in range(first, last + 1)] or [round(low, 1)]
    return [round(low, 1)]


def linear(domain: tuple[float, float], pixels: tuple[float, float]) -> Callable[[float], float]:
    """Give the place, in pixels, of a value on a linear scale."""
    slope = (pixels[1] - pixels[0]) / max(domain[1] - domain[0], 1e-12)
    return lambda value: pixels[0] + (value - domain[0]) * slope


def logarithmic(domain: tuple[float, float], pixels: tuple[float, float]) -> Callable[[float], float]:
    """Give the place, in pixels, of a value on a logarithmic scale."""
    place = linear((math.log(domain[0]), math.log(domain[1])), pixels)
    return lambda value: place(math.log(value))


def picture(width: float, height: float, parts: Iterable[Markup], *, label: str, css: str) -> Markup:
    """Frame a picture; the label is read to those who do not see it."""
    frame = Markup('<svg class="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return frame.format(css, width, height, label, Markup("").join(parts))


def line(start: tuple[float, float], end: tuple[float, float], css: str) -> Markup:
    """Draw a line."""
    shape = Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>')
    return shape.format(css, *start, *end)


def polyline(spots: Iterable[tuple[float, float]], css: str) -> Markup:
    """Draw a line through several spots."""
    return Markup('<polyline class="{}" points="{}"/>').format(
        css, " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
    )


def polygon(corners: Iterable[tuple[float, float]], css: str) -> Markup:
    """Draw a closed shape."""
    return Markup('<polygon class="{}" points="{}"/>').format(
        css, " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    )


def dot(spot: tuple[float, float], radius: float, css: str) -> Markup:
    """Draw a dot."""
    return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(css, *spot, radius)


def text(spot: tuple[float, float], words: str, css: str) -> Markup:
    """Write words; they are escaped."""
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(css, *spot, words)
