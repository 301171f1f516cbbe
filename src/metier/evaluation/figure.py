"""A measured figure with what a judgement of it needs: its interval, and on how many rows it rests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scipy.stats import beta, norm

from metier.evaluation.intervals import Interval

LEVEL = 0.95  # Of an interval whose level is not stated.


@dataclass(frozen=True)
class Figure:
    """A measured figure.

    Parameters
    ----------
    value : float
    low, high : float or None
        Ends of its interval; None: it has none, as with too few rows.
    rows : int
        Independent rows or groups that it rests on.
    level : float
        Confidence level of the interval, 0 to 1.
    hits : int or None
        Of a share: how many of the rows; its intervals at every level are then exact.
    is_share : bool
        Whether it lies between 0 and 1.
    higher_is_better : bool or None
        None: neither is.
    measured : callable taking a level, or None
        Measures the interval at another level, where the rows are at hand; it is lost on the way through JSON.
    """

    value: float
    low: float | None
    high: float | None
    rows: int
    level: float = LEVEL
    hits: int | None = None
    is_share: bool = True
    higher_is_better: bool | None = True
    measured: Callable[[float], Interval] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of_share(cls, hits: int, rows: int, *, higher_is_better: bool | None = True) -> "Figure":
        """Give the figure of a share of rows, with its exact binomial interval [1]_.

        References
        ----------
        .. [1] Clopper and Pearson, "The use of confidence or fiducial limits", 1934.
        """
        found = _exact(hits, rows, LEVEL)
        value = hits / rows if rows else float("nan")
        return cls(value, found.low, found.high, rows, hits=hits, higher_is_better=higher_is_better)

    @classmethod
    def exact(cls, value: float, *, higher_is_better: bool | None = None) -> "Figure":
        """Give the figure of what is counted and not sampled, such as bytes; its interval is the value."""
        return cls(value, value, value, 0, is_share=False, higher_is_better=higher_is_better)

    def at(self, level: float) -> Interval | None:
        """Give the interval at another confidence level; None where the figure has no interval.

        The ends of an interval that is no share of rows are moved as those of a normal distribution would be.
        """
        if self.hits is not None:
            return _exact(self.hits, self.rows, level)
        if self.measured is not None:
            return self.measured(level)
        if self.low is None or self.high is None:
            return None
        factor = float(norm.ppf((1 + level) / 2) / norm.ppf((1 + self.level) / 2))
        low = self.value - factor * (self.value - self.low)
        high = self.value + factor * (self.high - self.value)
        return (
            Interval(self.value, max(0.0, low), min(1.0, high))
            if self.is_share
            else Interval(self.value, low, high)
        )

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON."""
        found: dict[str, Any] = {"value": self.value, "low": self.low, "high": self.high, "rows": self.rows}
        found |= {"level": self.level, "is_share": self.is_share, "higher_is_better": self.higher_is_better}
        return found if self.hits is None else found | {"hits": self.hits}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> "Figure":
        """Read what `as_dict` gave."""
        return cls(**found)


def _exact(hits: int, rows: int, level: float) -> Interval:
    if not rows:
        return Interval(float("nan"), 0.0, 1.0)
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, hits, rows - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, rows - hits)) if hits < rows else 1.0
    return Interval(hits / rows, low, high)
