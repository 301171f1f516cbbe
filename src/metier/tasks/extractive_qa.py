"""Extractive question answering: the answer is a span of the passage, or there is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from metier.errors import EmptyDataError
from metier.tasks.answers.kind import AnswerKind
from metier.tasks.answers.passage_answer import PASSAGE_ANSWER, check_answers
from metier.tasks.inputs.kind import InputKind
from metier.tasks.inputs.question import QUESTION, as_questions
from metier.tasks.task import PlainTask

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "extractive_qa"
METRICS = ("answer_f1", "exact_match")


@dataclass(frozen=True)
class ExtractiveQa(PlainTask):
    """The task of finding the piece of a passage that answers a question.

    A target is a list of `{"text", "start"}`, each as good an answer as the other; an empty list means that the
    passage does not answer the question, and the right answer then is an empty text.

    Parameters
    ----------
    unanswerable_fraction : float
        Share of the training rows whose passage does not answer, 0 to 1.
    primary_metric : {"answer_f1"}
        What candidates are ranked by.
    """

    unanswerable_fraction: float = 0.0
    primary_metric: str = "answer_f1"
    metrics: ClassVar[tuple[str, ...]] = METRICS
    name: ClassVar[str] = NAME
    title: ClassVar[str] = "extractive question answering"
    labels: ClassVar[tuple[str, ...]] = ()
    input: ClassVar[InputKind] = QUESTION
    answer: ClassVar[AnswerKind] = PASSAGE_ANSWER

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Check training rows, and see how many of them have no answer.

        Raises
        ------
        MissingSideError
            If a question or a passage is blank.
        AnswerPlaceError
            If an answer is not in its passage where its row puts it.
        EmptyDataError
            If no row has an answer.
        """
        task = cls()
        targets = check_answers(as_questions(task.items(rows)), task.targets(rows), origin=rows.origin)
        without = sum(not answers for answers in targets)
        if without == len(targets):
            raise EmptyDataError(
                f"None of the {len(targets):,} questions of {rows.origin} has an answer. "
                "Add rows with answers, or name their column with --role answers=COLUMN."
            )
        return cls(without / len(targets))

    def targets(self, rows: "Rows") -> Sequence[list[dict[str, Any]]]:
        """Give the answers of each row."""
        return rows.values("answers")

    def facts(self) -> dict[str, Any]:
        """What a report states of the task besides its name."""
        return {"unanswerable_fraction": self.unanswerable_fraction}
