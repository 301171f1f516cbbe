"""One of some labels that have an order: bearish < neutral < bullish, 1 < 2 < 3 < 4 < 5, low < medium < high."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from metier.errors import DataError
from metier.tasks.classification import Classification

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "grading"
METRICS = ("quadratic_kappa", "accuracy", "macro_f1", "mae")
# Scales whose order nobody disputes; labels that are some of the words of one scale stand in its order.
SCALES = (
    ("very negative", "negative", "neutral", "positive", "very positive"),
    ("bearish", "neutral", "bullish"),
    ("very low", "low", "medium", "high", "very high"),
    ("low", "moderate", "high", "severe", "critical"),
    ("none", "mild", "moderate", "severe"),
    ("minor", "major", "critical"),
    ("very bad", "bad", "poor", "fair", "good", "very good", "excellent"),
    ("terrible", "bad", "okay", "good", "great"),
    ("strongly disagree", "disagree", "neutral", "agree", "strongly agree"),
    ("never", "rarely", "sometimes", "often", "always"),
    ("small", "medium", "large"),
    ("beginner", "intermediate", "advanced", "expert"),
    ("d", "c", "b", "a"),
    ("c", "cc", "ccc", "b", "bb", "bbb", "a", "aa", "aaa"),
    ("非常差", "差", "一般", "好", "非常好"),
    ("低", "中", "高"),
    ("负面", "中性", "正面"),
    ("消极", "中性", "积极"),
)


@dataclass(frozen=True)
class Grading:
    """The task of giving one of some ordered labels to a text; a near miss is better than a far one.

    Parameters
    ----------
    labels : tuple of str
        The grades from the lowest to the highest; column order of every probability.
    primary_metric : str
        What candidates are ranked by.
    """

    labels: tuple[str, ...]
    primary_metric: str = "quadratic_kappa"

    name: ClassVar[str] = NAME
    is_ordered: ClassVar[bool] = True  # Metrics take the places of grades, not their names.
    metrics: ClassVar[tuple[str, ...]] = METRICS
    input_keys: ClassVar[tuple[str, ...]] = ("text",)

    @classmethod
    def from_labels(cls, labels: Sequence[str], *, order: Sequence[str] | None = None) -> Self:
        """Read the grades off training labels; see `order_of`.

        Raises
        ------
        TooFewLabelsError
            If there are fewer than two different labels.
        DataError
            If the order is not known, or a stated one leaves out a label.
        """
        return cls(order_of(Classification.from_labels(labels).labels, order=order))

    @classmethod
    def from_rows(cls, rows: "Rows", *, order: Sequence[str] | None = None) -> Self:
        """Read the grades off training rows."""
        return cls.from_labels(rows.labels, order=order)

    def items(self, rows: "Rows") -> Sequence[str]:
        """Give the texts."""
        return rows.texts

    def targets(self, rows: "Rows") -> list[str]:
        """Give the grade of each row."""
        return rows.labels

    def facts(self) -> dict[str, Any]:
        """What a report says of the task besides its name."""
        return {"labels": list(self.labels), "order": " < ".join(self.labels)}


def order_of(labels: Sequence[str], *, order: Sequence[str] | None = None) -> tuple[str, ...]:
    """Put labels in order, from the lowest to the highest.

    Parameters
    ----------
    labels : sequence of str
        The different labels of the rows.
    order : sequence of str, optional
        The stated order; it may name grades that no row has, which are then left out. None: by their number where
        all labels are numbers, else by the scale in `SCALES` that holds them all.

    Raises
    ------
    DataError
        If the order cannot be known, or a stated one leaves out a label or names one twice.
    """
    if order is not None:
        return _as_stated(labels, [str(label) for label in order])
    numbers = [_as_number(label) for label in labels]
    if all(number is not None for number in numbers) and len(set(numbers)) == len(labels):
        return tuple(
            label for _, label in sorted(zip(numbers, labels, strict=True), key=lambda pair: pair[0] or 0.0)
        )
    found = [_by_scale(labels, scale) for scale in SCALES]
    known = {ordered for ordered in found if ordered}
    if len(known) == 1:
        return known.pop()
    why = "two scales order them differently" if known else "no scale known here holds them all"
    raise DataError(
        f"Grades need an order, and that of {', '.join(map(repr, labels))} cannot be told: {why}. "
        "State it, the lowest first: --order "
        f"{','.join(labels)} (order={list(labels)!r} in Python), or train them as labels without an order: "
        "--task classification."
    )


def from_cumulative(logits: np.ndarray) -> np.ndarray:
    """Turn logits of "higher than grade k" into probabilities of grades.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_grades - 1)
        Where a later one is larger than an earlier one, as independent models can have it, it counts as equal.

    Returns
    -------
    ndarray of float64 of shape (n_rows, n_grades)
        Each row sums to 1.
    """
    return _differences(np.minimum.accumulate(_sigmoid(logits), axis=1))


def from_conditional(logits: np.ndarray) -> np.ndarray:
    """Turn logits of "higher than grade k, if not lower than it" into probabilities of grades (Shi et al., 2021).

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_grades - 1)

    Returns
    -------
    ndarray of float64 of shape (n_rows, n_grades)
        Each row sums to 1.
    """
    return _differences(np.cumprod(_sigmoid(logits), axis=1))


def _differences(above: np.ndarray) -> np.ndarray:
    """Give each grade what lies between being above the one below it and being above itself."""
    ones = np.ones((len(above), 1))
    probabilities: np.ndarray = np.hstack([ones, above]) - np.hstack([above, 0 * ones])
    return probabilities


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    # Beyond 40 a sigmoid is 0 or 1 to the last digit, and the power would overflow.
    return np.asarray(1 / (1 + np.exp(-np.clip(np.asarray(logits, dtype=np.float64), -40, 40))))


def _as_stated(labels: Sequence[str], order: Sequence[str]) -> tuple[str, ...]:
    missing = sorted(set(labels) - set(order))
    twice = sorted({label for label in order if order.count(label) > 1})
    if missing or twice:
        fault = f"leaves out {', '.join(map(repr, missing))}" if missing else f"names {twice[0]!r} twice"
        raise DataError(
            f"The stated order {' < '.join(order)} {fault}. Name every grade of the rows once, the lowest first."
        )
    return tuple(label for label in order if label in set(labels))


def _as_number(label: str) -> float | None:
    try:
        number = float(label)
    except ValueError:
        return None
    return number if number == number and abs(number) != float("inf") else None


def _by_scale(labels: Sequence[str], scale: Sequence[str]) -> tuple[str, ...] | None:
    place = {word: position for position, word in enumerate(scale)}
    spelled = {label: place.get(_spelling(label)) for label in labels}
    places = [position for position in spelled.values() if position is not None]
    if len(set(places)) < len(labels):
        return None
    return tuple(sorted(labels, key=lambda label: spelled[label] or 0))


def _spelling(label: str) -> str:
    return " ".join(label.casefold().replace("_", " ").replace("-", " ").split())
