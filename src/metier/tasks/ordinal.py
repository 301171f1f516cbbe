"""Ordinal classification: labels with an order: bearish < neutral < bullish, 1 < 2 < 3 < 4 < 5, low < medium < high."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from metier.tasks.answers.grade import GRADE
from metier.tasks.answers.grade_order import order_of
from metier.tasks.answers.kind import AnswerKind
from metier.tasks.classification import Classification
from metier.tasks.inputs import TEXT, InputKind, read_or_seen
from metier.tasks.task import PlainTask

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "ordinal"
METRICS = ("quadratic_kappa", "accuracy", "macro_f1", "mae")


@dataclass(frozen=True)
class Ordinal(PlainTask):
    """The task of giving one of some ordered labels to a text, an image, or both; a near miss is better than a far one.

    Parameters
    ----------
    labels : tuple of str
        The grades from the lowest to the highest; column order of every probability.
    primary_metric : str
        What candidates are ranked by.
    input : InputKind
        The form of its questions: texts, images, or both together.
    """

    labels: tuple[str, ...]
    primary_metric: str = "quadratic_kappa"
    input: InputKind = TEXT

    name: ClassVar[str] = NAME
    title: ClassVar[str] = "ordinal classification"
    is_ordered: ClassVar[bool] = True  # Metrics take the places of grades, not their names.
    metrics: ClassVar[tuple[str, ...]] = METRICS
    answer: ClassVar[AnswerKind] = GRADE

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
        return replace(cls.from_labels(rows.labels, order=order), input=read_or_seen(rows))

    def targets(self, rows: "Rows") -> list[str]:
        """Give the grade of each row."""
        return rows.labels

    def facts(self) -> dict[str, Any]:
        """What a report states of the task besides its name."""
        return {"labels": list(self.labels), "order": " < ".join(self.labels)}
