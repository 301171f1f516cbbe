"""The search for a target: chains are tried, the cheapest first, until one that passed its tests reaches it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from metier.compression.plan import LATENCY, SIZE
from metier.compression.points import Point, Workshop
from metier.compression.techniques import Chain
from metier.errors import CallError

NAMES = (LATENCY, SIZE)


@dataclass(frozen=True)
class Target:
    """What is wanted: a mean time for one row, or a size of the files."""

    name: str
    value: float

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read `latency_ms=0.5` or `size_mb=10`.

        Raises
        ------
        CallError
        """
        name, _, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = 0.0
        if name not in NAMES or not 0 < value < float("inf"):
            raise CallError(
                f"A target is latency_ms=NUMBER or size_mb=NUMBER; found {text!r}. Give one with --target."
            )
        return cls(name, value)

    def of(self, point: Point) -> float:
        """Give what a point has of it; endless where it came to nothing."""
        if point.timing is None:
            return float("inf")
        return point.timing.after_ms if self.name == LATENCY else point.size_bytes / 1e6

    def is_met(self, point: Point) -> bool:
        """Whether a point may ship and reaches it."""
        return not point.refused and self.of(point) <= self.value


@dataclass(frozen=True)
class Found:
    """What a search found.

    Parameters
    ----------
    points : list of Point
    chosen : Point or None
        None where none may ship, or none reaches the target.
    nearest : Point or None
        The one that may ship and comes nearest to the target.
    left_out : tuple of chains
        Not tried, for want of time.
    """

    points: list[Point]
    chosen: Point | None
    nearest: Point | None
    left_out: tuple[Chain, ...] = ()


def search(workshop: Workshop, chains: Sequence[Chain], target: Target | None, *, seconds: float) -> Found:
    """Try chains in their order until the target is reached or the time is over; without a target all of them."""
    deadline, points, longest = time.monotonic() + seconds, list[Point](), 0.0
    left = list(chains)
    while left and (not points or time.monotonic() + longest < deadline):
        began = time.monotonic()
        points.append(workshop.make(left.pop(0)))
        longest = max(longest, time.monotonic() - began)
        if target is not None and target.is_met(points[-1]):
            break
    is_reached = target is not None and target.is_met(points[-1])
    wanted = target or Target(LATENCY, float("inf"))
    able = sorted((one for one in points if not one.refused), key=wanted.of)
    nearest = able[0] if able else None
    chosen = points[-1] if is_reached else nearest if target is None else None
    return Found(points, chosen, nearest, () if is_reached else tuple(left))
