"""Distillation by hand, and a student that comes nearer to its teacher; soft labels alone."""

import numpy as np
import pytest

from metier.evaluation.softmax import softmax
from metier.training.batching import TokenisedRows
from metier.training.objectives import cross_entropy
from metier.training.objectives.distillation import TaughtRows, distillation

TEACHER = np.log([[0.64, 0.36], [0.5, 0.5]])
STUDENT = np.log([[0.5, 0.5], [0.8, 0.2]])


def divergence(teacher, student):
    """From the teacher to the student, a mean over rows."""
    return (teacher * (np.log(teacher) - np.log(student))).sum(axis=1).mean()


def test_by_hand(given):
    rows = TaughtRows([[5], [6, 7]], np.array([0, 1]), 0, TEACHER)
    found = distillation(cross_entropy(), weight=0.3, temperature=2.0)(given(STUDENT), rows.batch(np.arange(2)))
    hard = -(np.log(0.5) + np.log(0.2)) / 2
    # At temperature 2 the odds 16 to 9 become 4 to 3; of the student 4 to 1 becomes 2 to 1.
    soft = divergence(np.array([[4 / 7, 3 / 7], [0.5, 0.5]]), np.array([[0.5, 0.5], [2 / 3, 1 / 3]]))
    assert float(found) == pytest.approx(0.7 * hard + 0.3 * 4 * soft, rel=1e-5)


def test_each_row_keeps_its_teacher():
    rows = TaughtRows([[5], [6, 7], [8]], np.array([2, 0, 1]), 0, np.arange(9.0).reshape(3, 3))
    assert rows.batch(np.array([2, 0])).labels.tolist() == [[1, 6, 7, 8], [2, 0, 1, 2]]


@pytest.fixture(scope="module")
def teacher_logits(taught):
    """Of a model that is not sure: far from what labels alone would teach."""
    model, seen, unseen = taught.start()
    return {len(part): 0.5 * model.logits(part) for part in (seen, unseen)}


@pytest.mark.parametrize("way", ["distilled", "soft labels"])
def test_the_student_comes_nearer_to_its_teacher(taught, teacher_logits, way):
    def taught_rows(rows):
        answers = teacher_logits[len(rows)]
        if way == "distilled":
            return TaughtRows(rows.ids, rows.truth, rows.pad_id, answers)
        return TokenisedRows(rows.ids, softmax(answers), rows.pad_id)

    def objective(model, rows):
        return distillation(cross_entropy(), weight=0.9) if way == "distilled" else cross_entropy()

    follower, _, unseen = taught(objective, make_rows=taught_rows)
    alone, _, _ = taught(lambda model, rows: cross_entropy())
    wanted = softmax(teacher_logits[len(unseen)])
    assert divergence(wanted, softmax(follower.logits(unseen))) < 0.5 * divergence(
        wanted, softmax(alone.logits(unseen))
    )
