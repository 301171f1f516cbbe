"""Text-pair classification: whether two texts ask the same, mean the same, or answer one another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from metier.errors import DataError
from metier.tasks.answers.kind import AnswerKind
from metier.tasks.answers.label import LABEL
from metier.tasks.classification import Classification
from metier.tasks.inputs import PAIR, PAIR_IMAGE, InputKind, input_of
from metier.tasks.task import PlainTask, TaskRecord

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "text_pair"
METRICS = ("accuracy", "macro_f1")  # The report adds the average precision of the label that means a match.
# Labels that say "these two belong together", as data sets spell them; the first that occurs is taken.
MATCH_LABELS = (
    "1",
    "true",
    "yes",
    "y",
    "match",
    "matching",
    "same",
    "similar",
    "duplicate",
    "is_duplicate",
    "paraphrase",
    "equivalent",
    "entailment",
    "relevant",
    "positive",
    "是",
    "相似",
    "相同",
    "匹配",
)


@dataclass(frozen=True)
class TextPair(PlainTask):
    """The task of giving one of a fixed set of labels to a pair of texts.

    Parameters
    ----------
    labels : tuple of str
        The label space, sorted; column order of every probability.
    match_label : str or None
        Of them, the one that means that the two texts belong together; None where no label does.
    primary_metric : {"accuracy", "macro_f1"}
        What candidates are ranked by.
    input : InputKind
        The form of pairs: two texts, or two sides of which each may have images.
    """

    labels: tuple[str, ...]
    match_label: str | None = None
    primary_metric: str = "accuracy"
    input: InputKind = PAIR  # type: ignore[assignment]  # A property of tasks that have one input.

    name: ClassVar[str] = NAME
    title: ClassVar[str] = "text matching"
    metrics: ClassVar[tuple[str, ...]] = METRICS
    answer: ClassVar[AnswerKind] = LABEL

    @classmethod
    def from_labels(cls, labels: Sequence[str], *, match_label: str | None = None) -> Self:
        """Read the label space off training labels, and which label means a match where it is not stated.

        Raises
        ------
        TooFewLabelsError
            If there are fewer than two different labels.
        DataError
            If `match_label` is none of them.
        """
        space = Classification.from_labels(labels)
        found = find_match_label(space.labels, stated=match_label)
        return cls(space.labels, found, space.primary_metric)

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Read the label space off training rows."""
        task = cls.from_labels(rows.labels)
        return replace(task, input=PAIR_IMAGE) if {"image", "image_pair"} & rows.roles.named.keys() else task

    @classmethod
    def restored(cls, facts: TaskRecord) -> Self:
        """Give the task of a sealed model; its labels say which of them means a match."""
        asked = input_of(facts.input_keys)
        return replace(cls.from_labels(facts.labels), primary_metric=facts.primary_metric, input=asked)

    def targets(self, rows: "Rows") -> list[str]:
        """Give the label of each row."""
        return rows.labels

    def facts(self) -> dict[str, Any]:
        """What a report states of the task besides its name."""
        return {"labels": list(self.labels), "match_label": self.match_label}


def find_match_label(labels: Sequence[str], *, stated: str | None = None) -> str | None:
    """Give the label that means a match: the stated one, else the first known word among them, else None.

    Raises
    ------
    DataError
        If the stated one is none of the labels.
    """
    spelled = {str(label).strip().casefold(): label for label in labels}
    if stated is not None:
        if stated in labels:
            return stated
        raise DataError(
            f"{stated!r} was stated to be the label of a match, but the rows have: "
            f"{', '.join(map(repr, labels))}. Name one of these."
        )
    return next((spelled[word] for word in MATCH_LABELS if word in spelled), None)
