"""Judge what was lost: an item passes, fails, or its rows cannot tell.

- It passes when its fall is shown to be smaller than is tolerated: the one-sided interval of the gain lies above. The whole
  passes only if every item does, so each may use the whole error: a bundle of which any item falls by more passes with
  probability 1 - level at most (an intersection-union test [1]_), however many labels there are.
- It fails when it is shown to fall at all. Some item always looks bad among many, so these p-values are adjusted for how
  many there are (Holm): a bundle of which nothing falls fails with probability 1 - level at most.
- Else the rows cannot tell, and it is foretold how many would.

References
----------
.. [1] Berger, "Multiparameter hypothesis testing and acceptance sampling", 1982.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field

from metier.assurance.verdict import CANNOT_TELL, FAIL, PASS
from metier.evaluation.many_comparisons import holm
from metier.evaluation.paired_shares import PairedCounts

ALL, LABEL, SLICE, BEHAVIOUR = "all", "label", "slice", "behaviour"
MOST_TIMES = 10_000  # As many rows; more would be needed where the fall is the one tolerated.

BLOCKS, PASSES = "blocks", "passes"


class ForgettingSettings(BaseModel, frozen=True, extra="forbid"):
    """A fall is tolerated up to these shares of the rows, 0 to 1; what is shown to fall less passes."""

    all: float = Field(default=0.01, gt=0, lt=1, description="Of all rows.")
    labels: float = Field(default=0.1, gt=0, lt=1, description="Of the rows of a label.")
    slices: float = Field(
        default=0.05, gt=0, lt=1, description="Of a language, a length or a value of a column."
    )
    behaviour: float = Field(default=0.05, gt=0, lt=1, description="Of the cases of a behaviour.")
    least_rows: int = Field(
        default=10,
        ge=1,
        description="Rows or cases from which an item is judged; of fewer it is said that it is not.",
    )
    edits: bool = Field(default=True, description="Whether edited questions are asked.")
    cannot_tell: Literal["blocks", "passes"] = Field(
        default="blocks",
        description="Labels, slices and behaviours of which the rows cannot tell; all rows always block.",
    )
    renamed: dict[str, str] = Field(
        default_factory=dict,
        description="Labels of the old bundle that have another name, or are one with another, now.",
    )


@dataclass(frozen=True)
class Item:
    """Something that the old bundle could do.

    Parameters
    ----------
    kind : {"all", "label", "slice", "behaviour"}
    name : str
        `refund`, `language=zh`, `invariance.typos`.
    counts : PairedCounts
    tolerance : float
        Share of its rows that may be lost, 0 to 1.
    """

    kind: str
    name: str
    counts: PairedCounts
    tolerance: float


@dataclass(frozen=True)
class JudgedItem:
    """An item with what its rows say.

    Parameters
    ----------
    item : Item
    outcome : {"pass", "fail", "cannot tell"}
    low, high : float
        One-sided ends of the gain, each at the level of the whole, -1 to 1.
    p_value : float
        That it falls, adjusted for how many items there are, 0 to 1.
    more_rows : int or None
        About how many further rows would tell; None: none are needed, or no number would.
    """

    item: Item
    outcome: str
    low: float
    high: float
    p_value: float
    more_rows: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON."""
        counts = self.item.counts
        return {
            "kind": self.item.kind,
            "name": self.item.name,
            "verdict": self.outcome,
            "gain": counts.gain,
            "low": self.low,
            "high": self.high,
            "p_value": self.p_value,
            "lost": counts.only_old,
            "won": counts.only_new,
            "rows": counts.rows,
            "tolerance": self.item.tolerance,
            "more_rows": self.more_rows,
        }


def judge_items(items: Sequence[Item], *, level: float) -> tuple[JudgedItem, ...]:
    """Judge every item.

    Parameters
    ----------
    level : float
        1 - level is the probability of a wrong pass, and that of a wrong fail, of the whole; 0 to 1.
    """
    some = [item for item in items if item.counts.rows]
    adjusted = holm([item.counts.fall_p for item in some])
    return tuple(
        _judged(item, p_value, level=level, n_items=len(some))
        for item, p_value in zip(some, adjusted, strict=True)
    )


def _judged(item: Item, p_value: float, *, level: float, n_items: int) -> JudgedItem:
    low, high = item.counts.low(level), item.counts.high(level)
    if low > -item.tolerance:
        return JudgedItem(item, PASS, low, high, p_value)
    if p_value <= 1 - level:
        return JudgedItem(item, FAIL, low, high, p_value)
    more = _more_rows(item, level=level, n_items=n_items)
    return JudgedItem(item, CANNOT_TELL, low, high, p_value, more)


def _more_rows(item: Item, *, level: float, n_items: int) -> int | None:
    """Double the rows until as many like these would tell, then halve the step."""
    counts = item.counts

    def tells(factor: float) -> bool:
        found = counts.times(factor)
        return found.low(level) > -item.tolerance or found.fall_p <= (1 - level) / n_items

    low, high = 1.0, 2.0
    while not tells(high):
        low, high = high, 2 * high
        if high > MOST_TIMES:
            return None
    while (high - low) * counts.rows > max(1.0, low * counts.rows / 100):
        middle = (low + high) / 2
        low, high = (low, middle) if tells(middle) else (middle, high)
    return max(1, round(high * counts.rows) - counts.rows)
