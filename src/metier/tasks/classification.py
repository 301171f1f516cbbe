"""Classification: one label per text, per image, or per text with its image."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from metier.errors import TooFewLabelsError, UnknownLabelError
from metier.figures import count_of
from metier.tasks.answers.kind import AnswerKind
from metier.tasks.answers.label import LABEL
from metier.tasks.inputs import TEXT, InputKind, read_or_seen
from metier.tasks.task import PlainTask

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "classification"
METRICS = ("accuracy", "macro_f1")
# Past this share one label drowns the others, and accuracy would praise a method that always answers it.
DROWNING_FRACTION = 0.5


@dataclass(frozen=True)
class Classification(PlainTask):
    """The task of giving one of a fixed set of labels to a text, an image, or both together.

    Parameters
    ----------
    labels : tuple of str
        The label space, sorted; column order of every probability.
    primary_metric : {"accuracy", "macro_f1"}
        What candidates are ranked by.
    input : InputKind
        The form of its questions.
    """

    labels: tuple[str, ...]
    primary_metric: str = "accuracy"
    input: InputKind = TEXT
    metrics: ClassVar[tuple[str, ...]] = METRICS
    name: ClassVar[str] = NAME
    answer: ClassVar[AnswerKind] = LABEL

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Read the label space off training rows."""
        return replace(cls.from_labels(rows.labels), input=read_or_seen(rows))

    def targets(self, rows: "Rows") -> list[str]:
        """Give the label of each row."""
        return rows.labels

    @classmethod
    def from_labels(cls, labels: Sequence[str]) -> Self:
        """Read the label space off training labels.

        Raises
        ------
        TooFewLabelsError
            If there are fewer than two different labels.
        """
        counts = Counter(labels)
        if len(counts) < 2:
            only = f"the only label is {next(iter(counts))!r}" if counts else "there are no labels"
            raise TooFewLabelsError(
                f"Classification needs at least two labels, but {only} in {len(labels)} rows. "
                "Check the label column (--label), or add rows with other labels."
            )
        drowned = max(counts.values()) / len(labels) > DROWNING_FRACTION
        return cls(tuple(sorted(counts)), "macro_f1" if drowned else "accuracy")

    def encode(self, labels: Sequence[str], *, origin: str = "these rows") -> np.ndarray:
        """Turn labels into column numbers.

        Returns
        -------
        ndarray of shape (n_labels,) and type int64

        Raises
        ------
        UnknownLabelError
            If a label is not in the label space.
        """
        index = {label: number for number, label in enumerate(self.labels)}
        unknown = Counter(label for label in labels if label not in index)
        if unknown:
            shown = ", ".join(f"{label!r} ({count_of(rows, 'row')})" for label, rows in unknown.most_common(5))
            raise UnknownLabelError(
                f"{origin} use {count_of(len(unknown), 'label')} that the training rows do not have: {shown}. "
                "Add training rows with these labels, or correct the spelling."
            )
        return np.fromiter((index[label] for label in labels), dtype=np.int64, count=len(labels))
