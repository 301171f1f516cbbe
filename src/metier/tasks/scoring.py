"""A number a text or a pair of texts: a price, a rating with decimals, how similar two questions are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from metier.errors import DataError, MissingSideError, TooFewLabelsError

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "scoring"
METRICS = ("mae", "rmse", "spearman", "pearson")
ONE_TEXT, TWO_TEXTS = ("text",), ("text", "text_pair")
SHOWN_FAULTS = 5


@dataclass(frozen=True)
class Scoring:
    """The task of giving a number to a text, or to a pair of texts where the rows have both.

    Parameters
    ----------
    input_keys : tuple of str
        `("text",)` or `("text", "text_pair")`.
    primary_metric : str
        What candidates are ranked by.
    """

    input_keys: tuple[str, ...] = ONE_TEXT
    primary_metric: str = "mae"

    name: ClassVar[str] = NAME
    labels: ClassVar[tuple[str, ...]] = ()
    metrics: ClassVar[tuple[str, ...]] = METRICS

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Take pairs where the rows have a second text, and check the numbers.

        Raises
        ------
        DataError
            If a score is missing or no finite number.
        TooFewLabelsError
            If all scores are the same.
        """
        check_spread(check_numbers(rows.values("score"), origin=rows.origin), origin=rows.origin)
        return cls(ONE_TEXT if rows.roles.text_pair is None else TWO_TEXTS)

    def items(self, rows: "Rows") -> Sequence[Any]:
        """Give the texts, or pairs as mappings with `text` and `text_pair`.

        Raises
        ------
        MissingSideError
            If a pair has only one text.
        """
        if self.input_keys == ONE_TEXT:
            return rows.texts
        from metier.tasks.pairs import (
            as_items,
            as_pairs,
        )  # It needs the rows' Arrow, which serving does without.

        sides = zip(rows.column("text"), rows.column("text_pair"), strict=True)
        return as_items(as_pairs(list(sides), origin=rows.origin))

    def targets(self, rows: "Rows") -> list[float]:
        """Give the score of each row."""
        scores: list[float] = check_numbers(rows.values("score"), origin=rows.origin).tolist()
        return scores


def check_numbers(values: Sequence[Any], *, origin: str = "these rows") -> np.ndarray:
    """Give scores as finite numbers, an ndarray of float64 of shape (n_rows,).

    Raises
    ------
    DataError
        With the rows whose score is missing, no number, or not finite.
    """
    scores = [_as_number(value) for value in values]
    faults = [(row, values[row - 1]) for row, score in enumerate(scores, start=1) if not math.isfinite(score)]
    if faults:
        shown = ", ".join(f"row {row} has {value!r}" for row, value in faults[:SHOWN_FAULTS])
        more = f" and {len(faults) - SHOWN_FAULTS:,} more" if len(faults) > SHOWN_FAULTS else ""
        raise DataError(
            f"{len(faults):,} of {len(scores):,} rows of {origin} have a score that is no finite number: "
            f"{shown}{more}. Mend these scores, or leave the rows out."
        )
    return np.array(scores, dtype=np.float64)


def check_spread(scores: np.ndarray, *, origin: str = "these rows") -> None:
    """Refuse scores that are all the same; raises `TooFewLabelsError`."""
    if len(scores) and float(scores.min()) == float(scores.max()):
        raise TooFewLabelsError(
            f"All {len(scores)} rows of {origin} have the score {scores[0]:g}, so there is nothing to learn. "
            "Check the score column (--role score=COLUMN), or add rows with other scores."
        )


def as_inputs(items: Sequence[Any]) -> list[str | tuple[str, str]]:
    """Give what a predictor of scores was asked: texts, or two texts where an item is a pair.

    Parameters
    ----------
    items : sequence of str, of mappings with `text` and perhaps `text_pair`, or of two texts each

    Raises
    ------
    MissingSideError
        If a pair has only one text.
    """
    return [_as_input(item, row) for row, item in enumerate(items, start=1)]


def _as_input(item: Any, row: int) -> str | tuple[str, str]:
    if isinstance(item, str):
        return item
    if not isinstance(item, Mapping):
        item = dict(zip(TWO_TEXTS, item, strict=True))
    sides = [item.get(key) for key in (TWO_TEXTS if "text_pair" in item else ONE_TEXT)]
    for key, side in zip(TWO_TEXTS, sides, strict=False):
        if not isinstance(side, str) or (len(sides) == 2 and not side.strip()):
            raise MissingSideError(row, key, origin="these items")
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def _as_number(value: Any) -> float:
    if value is None or isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
