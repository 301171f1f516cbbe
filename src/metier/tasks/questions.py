"""Old place of these names, until the last import of it is gone."""

from metier.tasks.answers.passage_answer import (
    answer_faults,
    check_answers,
    nearest_occurrence,
    split_by_passage,
)
from metier.tasks.inputs.question import SIDES, Question, as_questions

__all__ = [
    "SIDES",
    "Question",
    "answer_faults",
    "as_questions",
    "check_answers",
    "nearest_occurrence",
    "split_by_passage",
]
