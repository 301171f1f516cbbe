"""Multi-label classification: any number of labels per text; they may form a hierarchy, as `flights/seats`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from metier.tasks.answers.kind import AnswerKind
from metier.tasks.answers.label_hierarchy import clean, parent_columns, with_parents
from metier.tasks.answers.label_set import LABEL_SET, label_space
from metier.tasks.inputs import TEXT, InputKind, read_or_seen
from metier.tasks.task import PlainTask

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "multi_label"
METRICS = ("set_micro_f1", "set_macro_f1", "set_samples_f1", "subset_accuracy")


@dataclass(frozen=True)
class MultiLabel(PlainTask):
    """The task of giving any number of a fixed set of labels to a text, an image, or both together.

    A target is a sorted list of labels; the empty list is the answer "none of them".

    Parameters
    ----------
    labels : tuple of str
        The label space, sorted, implied parents included; column order of every probability.
    primary_metric : str
        What candidates are ranked by.
    input : InputKind
        The form of its questions: texts, images, or both together.
    """

    labels: tuple[str, ...]
    primary_metric: str = "set_micro_f1"
    input: InputKind = TEXT

    name: ClassVar[str] = NAME
    title: ClassVar[str] = "multi-label classification"
    metrics: ClassVar[tuple[str, ...]] = METRICS
    answer: ClassVar[AnswerKind] = LABEL_SET

    @classmethod
    def from_labels(cls, sets: Sequence[Iterable[str]], *, origin: str = "these rows") -> Self:
        """Read the label space off the label sets of training rows.

        Raises
        ------
        TooFewLabelsError
            If no row has a label, or every row has all of them: nothing would be distinguished.
        """
        return cls(label_space(sets, origin=origin))

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Read the label space off training rows."""
        found = cls.from_labels([clean(own) for own in rows.values("labels")], origin=rows.origin)
        return replace(found, input=read_or_seen(rows))

    def targets(self, rows: "Rows") -> list[list[str]]:
        """Give the labels of each row, sorted, their parents included."""
        return [self.with_parents(clean(own)) for own in rows.values("labels")]

    def with_parents(self, own: Iterable[str]) -> list[str]:
        """Give labels and their parents, sorted."""
        return with_parents(own, self.labels)

    def facts(self) -> dict[str, Any]:
        """What a report states of the task besides its name."""
        return {"labels": list(self.labels), "is_hierarchical": bool((parent_columns(self.labels) >= 0).any())}
