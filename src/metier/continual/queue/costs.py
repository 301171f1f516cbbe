"""What labels cost: time and money a label, and how many a budget pays."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field

FEWEST = 20  # Labels with times; of fewer the seconds that were named count.


class Costs(BaseModel, frozen=True, extra="forbid"):
    """What a label costs, and what may be spent on a batch."""

    price: float = Field(default=0.0, ge=0, description="Money a label, in the currency of the budget.")
    hourly: float = Field(default=0.0, ge=0, description="Money an hour of a labeller.")
    seconds: float = Field(default=10.0, gt=0, description="Seconds a label, until enough were measured.")
    budget: float | None = Field(default=None, ge=0, description="Money for the batch; None: no limit.")
    hours: float | None = Field(
        default=None, ge=0, description="Hours of labellers for the batch; None: no limit."
    )

    def money(self, seconds: np.ndarray) -> np.ndarray:
        """Give what labels cost that take so many seconds."""
        return self.price + self.hourly * np.asarray(seconds) / 3_600

    def affordable(self, seconds: Sequence[float]) -> int:
        """Give how many of the labels, in this order, the budget and the hours pay."""
        taken = np.asarray(seconds, dtype=float)
        within = np.ones(len(taken), dtype=bool)
        if self.budget is not None:
            within &= np.cumsum(self.money(taken)) <= self.budget + 1e-9
        if self.hours is not None:
            within &= np.cumsum(taken) <= self.hours * 3_600 + 1e-9
        return int(within.sum())  # Sums grow, so that those within stand first.


def expected_seconds(
    lengths: Sequence[int], *, measured: Sequence[tuple[int, float]], otherwise: float
) -> np.ndarray:
    """Give how long rows will take, by the times of labels so far: a part for each label and a part for each character.

    Parameters
    ----------
    lengths : sequence of int
        Characters of the rows.
    measured : sequence of (int, float)
        Characters and seconds of labels so far; fewer than 20 say nothing.
    otherwise : float
        Seconds a label where they say nothing.
    """
    if len(measured) < FEWEST:
        return np.full(len(lengths), float(otherwise))
    signs, seconds = np.array(measured, dtype=float).T
    # Theil and Sen's slope over halves: a coffee break does not turn it.
    order = np.argsort(signs, kind="stable")
    half = len(order) // 2
    short, long = order[:half], order[-half:]
    run = float(np.median(signs[long]) - np.median(signs[short]))
    slope = max(float(np.median(seconds[long]) - np.median(seconds[short])) / run, 0.0) if run > 0 else 0.0
    base = max(float(np.median(seconds - slope * signs)), 0.5)
    return np.asarray(base + slope * np.asarray(lengths, dtype=float))
