"""Which of two predictors answers faster: in one process and one thread, in turns, on the same rows.

Every row is answered alone, as a service gets it. The best of a row's rounds is what other programs disturbed least; the
mean over rows weighs easy and hard ones as they come, which matters for a cascade.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.predictors.loading import load_predictor

ROUNDS = 4  # Of each, A B A B.
TIMED_ROWS = 200
SECONDS_AT_MOST = 40.0
TWO_SIDED_95 = 1.96


@dataclass(frozen=True)
class Timing:
    """Milliseconds for one row, on average over rows, and the paired difference.

    Parameters
    ----------
    before_ms, after_ms : float
    low_ms, high_ms : float
        Ends of the 95 % interval of after minus before.
    rows, rounds : int
    """

    before_ms: float
    after_ms: float
    low_ms: float
    high_ms: float
    rows: int
    rounds: int

    @property
    def is_faster(self) -> bool:
        """Whether the interval of the difference lies below zero."""
        return self.high_ms < 0


def time_both(before: Path, after: Path, items: Sequence[Any], *, rows: int = TIMED_ROWS) -> Timing:
    """Measure two predictors by turns."""
    both = [load_predictor(folder, threads=1) for folder in (before, after)]
    some = [items[place] for place in np.linspace(0, len(items) - 1, min(rows, len(items))).astype(int)]
    for predictor in both:
        predictor.predict(some[:8])
    best, deadline, rounds = np.full((2, len(some)), np.inf), time.perf_counter() + SECONDS_AT_MOST, 0
    while rounds < ROUNDS and (rounds < 2 or time.perf_counter() < deadline):
        for number, predictor in enumerate(both):
            best[number] = np.minimum(best[number], _seconds(predictor, some))
        rounds += 1
    first, second = best * 1000
    difference = second - first
    error = TWO_SIDED_95 * float(difference.std(ddof=1)) / np.sqrt(len(some)) if len(some) > 1 else np.inf
    mean = float(difference.mean())
    return Timing(
        float(first.mean()), float(second.mean()), mean - float(error), mean + float(error), len(some), rounds
    )


def _seconds(predictor: Any, items: Sequence[Any]) -> np.ndarray:
    found = np.empty(len(items))
    for place, item in enumerate(items):
        start = time.perf_counter()
        predictor.predict([item])
        found[place] = time.perf_counter() - start
    return found
