"""Whether a new version takes over from the one that answers, by what is observed of both: decided at any time.

A criterion bounds the mean of some numbers, one a request: how much more often the new version errs, how often both
disagree, how much confidence is lost. The new version is promoted when the evidence shows every mean to be below its bound,
and rolled back when it shows one to be above; until then there is not enough traffic. All of it may be looked at after
every request: see `betting`.

- Promoted though one mean is not below its bound: with probability `alpha` at most, however many criteria there are, as all
  of them must be shown.
- Rolled back though no mean is above its bound: with probability `alpha` at most, shared by the criteria.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

import numpy as np

from metier.registry.betting import MeanBelow


class Verdict(StrEnum):
    """What becomes of the new version."""

    PROMOTE = "promote"
    ROLL_BACK = "roll back"
    WAIT = "not enough traffic yet"


@dataclass(frozen=True)
class Criterion:
    """A bound on the mean of numbers, one a request.

    Parameters
    ----------
    name : str
    bound : float
        The mean should be below it.
    least, most : float
        No number is outside.
    """

    name: str
    bound: float
    least: float = -1.0
    most: float = 1.0


@dataclass(frozen=True)
class Standing:
    """How a criterion stands: so many requests, their mean, and the evidence on either side as e-values."""

    name: str
    n: int
    mean: float
    bound: float
    below: float
    above: float


@dataclass
class _Watched:
    criterion: Criterion
    below: MeanBelow
    above: MeanBelow
    total: float = 0.0

    def update(self, numbers: np.ndarray) -> None:
        self.below.update(numbers)
        self.above.update(-numbers)
        self.total += float(numbers.sum())

    def more_needed(self, *, threshold: float) -> int | None:
        """Give about how many more numbers decide this side or that, if it goes on as so far; None: that cannot be told."""
        needed = [side.more_needed(threshold) for side in (self.below, self.above)]
        return min((one for one in needed if one is not None), default=None)

    @property
    def standing(self) -> Standing:
        n = self.below.n
        mean = self.total / n if n else math.nan
        return Standing(
            self.criterion.name, n, mean, self.criterion.bound, self.below.e_value, self.above.e_value
        )


@dataclass(frozen=True)
class Decision:
    """What the evidence says.

    Parameters
    ----------
    verdict : Verdict
    because : tuple of str
        Names of the criteria that decide: those shown to be above their bound, or those not yet shown to be below it.
    standings : tuple of Standing
    """

    verdict: Verdict
    because: tuple[str, ...]
    standings: tuple[Standing, ...]


@dataclass
class RollOut:
    """The evidence about a new version so far.

    Parameters
    ----------
    criteria : sequence of Criterion
    alpha : float, default=0.05
        Probability of a wrong promotion, and of a wrong roll-back, over all time.

    Examples
    --------
    >>> roll_out = RollOut([Criterion("errors", bound=0.02)])
    >>> roll_out.observe("errors", [0.0] * 300).decision.verdict.value
    'promote'
    """

    criteria: Iterable[Criterion]
    alpha: float = 0.05
    watched: dict[str, _Watched] = field(init=False)

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha}; expected a probability between 0 and 1.")
        self.watched = {
            one.name: _Watched(
                one,
                MeanBelow(one.bound, one.least, one.most),
                MeanBelow(-one.bound, -one.most, -one.least),
            )
            for one in self.criteria
        }
        if not self.watched:
            raise ValueError("There is no criterion to decide by.")

    def observe(self, name: str, numbers: Iterable[float]) -> Self:
        """Take the numbers of further requests into account."""
        self.watched[name].update(np.asarray(list(numbers), dtype=np.float64))
        return self

    @property
    def decision(self) -> Decision:
        """What the evidence says now."""
        standings = tuple(one.standing for one in self.watched.values())
        worse = tuple(one.name for one in standings if one.above >= len(standings) / self.alpha)
        if worse:
            return Decision(Verdict.ROLL_BACK, worse, standings)
        open_ = tuple(one.name for one in standings if one.below < 1 / self.alpha)
        return Decision(Verdict.WAIT if open_ else Verdict.PROMOTE, open_, standings)

    @property
    def more_needed(self) -> int | None:
        """About how many more requests decide, if it goes on as so far; None: that cannot be told."""
        open_ = [one for one in self.watched.values() if one.below.e_value < 1 / self.alpha]
        needed = [one.more_needed(threshold=1 / self.alpha) for one in open_]
        known = [one for one in needed if one is not None]
        return max(known) if known and len(known) == len(needed) else None

    def to_json(self) -> str:
        """Give all that is known, to go on after the process has ended."""
        kept = {
            name: {
                "criterion": vars(one.criterion),
                "n": one.below.n,
                "total": one.total,
                "below": one.below.log_capital.tolist(),
                "above": one.above.log_capital.tolist(),
            }
            for name, one in self.watched.items()
        }
        return json.dumps({"alpha": self.alpha, "criteria": kept})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Give what `to_json` kept."""
        known: Mapping[str, Any] = json.loads(text)
        found = cls([Criterion(**one["criterion"]) for one in known["criteria"].values()], known["alpha"])
        for name, one in known["criteria"].items():
            watched = found.watched[name]
            watched.total = one["total"]
            for side in ("below", "above"):
                evidence = getattr(watched, side)
                evidence.log_capital, evidence.n = np.asarray(one[side]), one["n"]
        return found


def canary_numbers(is_new: Iterable[bool], errors: Iterable[float], *, share: float) -> np.ndarray:
    """Give numbers whose mean is how much more often the new version errs, where it answers a share of the requests alone.

    Each request goes to one version by chance, so its error counts by how rarely that version is asked
    (Horvitz and Thompson, "A generalization of sampling without replacement", 1952). The numbers are between
    -1 / (1 - share) and 1 / share.
    """
    new, wrong = np.asarray(list(is_new), dtype=bool), np.asarray(list(errors), dtype=np.float64)
    return np.where(new, wrong / share, -wrong / (1 - share))
