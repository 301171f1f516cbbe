"""Questions answered with a piece of a passage, or with nothing where the passage does not say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from metier.errors import EmptyDataError
from metier.tasks.questions import SIDES, as_questions, check_answers

if TYPE_CHECKING:  # What answers needs a task's words, never the rows' Arrow.
    from metier.data.rows import Rows

NAME = "answering"
METRICS = ("answer_f1", "exact_match")


@dataclass(frozen=True)
class Answering:
    """The task of finding the piece of a passage that answers a question.

    A target is a list of `{"text", "start"}`, each as good an answer as the other; an empty list says that the
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
    labels: ClassVar[tuple[str, ...]] = ()
    input_keys: ClassVar[tuple[str, ...]] = SIDES

    @classmethod
    def from_rows(cls, rows: "Rows") -> Self:
        """Check training rows, and see how many of them have no answer.

        Raises
        ------
        MissingSideError
            If a question or a passage is blank.
        AnswerPlaceError
            If an answer is not in its passage where it is said to be.
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

    def items(self, rows: "Rows") -> list[dict[str, str]]:
        """Give the question and the passage of each row; raises MissingSideError where one is blank."""
        sides = zip(rows.values("question"), rows.values("text"), strict=True)
        return [question._asdict() for question in as_questions(list(sides), origin=rows.origin)]

    def targets(self, rows: "Rows") -> Sequence[list[dict[str, Any]]]:
        """Give the answers of each row."""
        return rows.values("answers")

    def facts(self) -> dict[str, Any]:
        """What a report says of the task besides its name."""
        return {"unanswerable_fraction": self.unanswerable_fraction}
