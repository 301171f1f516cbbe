"""Where the labels of a plot go, so that none hides a point, a whisker or another label.

Greedy placement over a list of positions in order of preference, after Imhof's rules for naming points on maps
[1]_: right of the point first, then left, then further up or down with a leader line. The few candidates of a
run do not need more.

References
----------
.. [1] Imhof, "Positioning names on maps", The American Cartographer, 1975.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Mean advance of a letter, in em, in the system fonts the page asks for; a little wide, to be safe.
LETTER_WIDTH_EM = 0.58
GAP = 9.0  # Pixels between a point's middle and its label.
# A pixel up or down is as bad as covering so many square pixels of a whisker.
FURTHER = 8.0
LEADER_FROM = 12.0  # A label further off its point than this many pixels gets a line to it.


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; y grows downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: "Box") -> float:
        """Give the area shared with another box, in square pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0)

    def outside(self, frame: "Box") -> float:
        """Give the area that sticks out of a frame, in square pixels."""
        return (self.right - self.left) * (self.bottom - self.top) - self.overlap(frame)


@dataclass(frozen=True)
class Label:
    """A placed label: text starts at `box.left`; `needs_leader` says whether a line connects it with its point."""

    box: Box
    needs_leader: bool


def text_width(text: str, font_px: float) -> float:
    """Estimate the width of a text in pixels; Chinese, Japanese and Korean characters fill a whole em."""
    ems = sum(1.0 if unicodedata.east_asian_width(char) in "WF" else LETTER_WIDTH_EM for char in text)
    return ems * font_px


def place_labels(
    texts: Sequence[str],
    anchors: Sequence[tuple[float, float]],
    *,
    obstacles: Sequence[Box],
    frame: Box,
    font_px: float = 12.0,
    crossable: Sequence[Box] = (),
) -> list[Label]:
    """Place one label a point, inside the frame and clear of the obstacles wherever there is room.

    Parameters
    ----------
    texts : sequence of str
    anchors : sequence of (x, y)
        Middles of the points, in pixels.
    obstacles : sequence of Box
        What no label may cover: points.
    crossable : sequence of Box
        What a label may cross rather than stand far from its point: whiskers.
    """
    placed: list[Label] = []
    for text, (x, y) in zip(texts, anchors, strict=True):
        taken = [*obstacles, *(label.box for label in placed)]
        best, least = None, (float("inf"), float("inf"))
        for box in _positions(x, y, text_width(text, font_px), font_px * 1.25):
            covered = sum(box.overlap(other) for other in taken) + 4 * box.outside(frame)
            away = FURTHER * abs((box.top + box.bottom) / 2 - y)
            cost = (covered, sum(box.overlap(other) for other in crossable) + away)
            if cost < least:
                best, least = box, cost
            if cost == (0, 0):
                break
        assert best is not None  # There is always a first position.
        placed.append(Label(best, abs((best.top + best.bottom) / 2 - y) > LEADER_FROM))
    return placed


def _positions(x: float, y: float, width: float, height: float) -> Iterator[Box]:
    """Give the positions of a label in order of preference: beside the point, then ever further up and down."""
    for step in range(14):
        for direction in (-1, 1) if step else (1,):
            middle = y + direction * step * height * 0.75
            for left in (x + GAP, x - GAP - width):
                yield Box(left, middle - height / 2, left + width, middle + height / 2)
