"""Relation classification: the relation between two marked entities of a text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from metier.evaluation.relation_measures import find_negative_label
from metier.tasks.answers.kind import AnswerKind
from metier.tasks.answers.relation import RELATION
from metier.tasks.classification import Classification
from metier.tasks.inputs.kind import InputKind
from metier.tasks.inputs.marked_text import MARKED_TEXT, check_words_are_whole
from metier.tasks.task import PlainTask, TaskRecord

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "relation"
SEMEVAL_NEGATIVE = "Other"
_has_direction = re.compile(r"\(e[12],e[12]\)$").search


@dataclass(frozen=True)
class Relation(PlainTask):
    """The task of saying which relation a text states between two entities that are marked in it.

    Parameters
    ----------
    labels : tuple of str
        The label space, sorted; column order of every probability. A direction is part of its label:
        `Cause-Effect(e2,e1)`.
    negative_label : str or None
        Of them, the one that means that no relation is stated; F1 leaves it out. None where no label does.
    primary_metric : str
        What candidates are ranked by: the official macro-F1 of SemEval where labels have its form; F1 over all
        rows together where a label means that there is no relation; else as for other labels.
    metrics : tuple of str
        What is reported.
    """

    labels: tuple[str, ...]
    negative_label: str | None = None
    primary_metric: str = "macro_f1"
    metrics: tuple[str, ...] = ("accuracy", "macro_f1")

    name: ClassVar[str] = NAME
    title: ClassVar[str] = "relation extraction"
    input: ClassVar[InputKind] = MARKED_TEXT
    answer: ClassVar[AnswerKind] = RELATION

    @classmethod
    def from_labels(cls, labels: Sequence[str], *, negative_label: str | None = None) -> Self:
        """Read the label space off training labels, and which label means no relation where it is not stated.

        Raises
        ------
        TooFewLabelsError
            If there are fewer than two different labels.
        DataError
            If `negative_label` is none of them.
        """
        space = Classification.from_labels(labels)
        negative = find_negative_label(space.labels, stated=negative_label)
        own: tuple[str, ...] = ()
        if negative is not None:
            own = ("relation_micro_f1", "relation_macro_f1")
            if negative == SEMEVAL_NEGATIVE and any(map(_has_direction, space.labels)):
                own = ("semeval_f1", *own)
        return cls(space.labels, negative, (*own, space.primary_metric)[0], (*own, "accuracy", "macro_f1"))

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Read the label space off training rows, and check their entities.

        Raises
        ------
        EntityError
            If entities are not where their offsets say; see `tasks.entity_pairs`.
        """
        task = cls.from_labels(rows.labels)
        check_words_are_whole(task.items(rows), origin=rows.origin)
        return task

    @classmethod
    def restored(cls, facts: TaskRecord) -> Self:
        """Give the task of a sealed model; its labels say which of them means no relation."""
        return replace(cls.from_labels(facts.labels), primary_metric=facts.primary_metric)

    def targets(self, rows: "Rows") -> list[str]:
        """Give the label of each row."""
        return rows.labels

    def facts(self) -> dict[str, Any]:
        """What a report states of the task besides its name."""
        return {"labels": list(self.labels), "negative_label": self.negative_label}
