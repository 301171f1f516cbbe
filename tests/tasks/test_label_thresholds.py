"""Thresholds for F1: best where rows are many, borrowed where they are few, never below the parent's."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from metier.errors import EmptyDataError
from metier.tasks.answers.label_thresholds import UNFITTED, tune_thresholds

NO_PARENTS = np.array([-1, -1])


@pytest.fixture
def answers():
    """Two labels: what is best for the first is 0.3, for the second 0.7."""
    random = np.random.default_rng(0)
    truth = random.random((4_000, 2)) < 0.3
    noise = random.normal(scale=0.05, size=truth.shape)
    centre = np.where(truth, [0.45, 0.85], [0.15, 0.55])
    return np.clip(centre + noise, 0, 1), truth


def test_frequent_labels_decide_for_themselves(answers):
    chosen = tune_thresholds(*answers, parents=NO_PARENTS)
    assert chosen[0] == pytest.approx(0.3, abs=0.03)
    assert chosen[1] == pytest.approx(0.7, abs=0.03)


def test_no_other_threshold_is_better(answers):
    probabilities, truth = answers
    random = np.random.default_rng(1)
    blurred = np.clip(probabilities + random.normal(scale=0.2, size=truth.shape), 0, 1)
    chosen = tune_thresholds(blurred, truth, parents=NO_PARENTS, borrowed=0.0)
    for column in range(2):
        best = f1_score(truth[:, column], blurred[:, column] >= chosen[column])
        for other in np.arange(1, 100) / 100:
            assert f1_score(truth[:, column], blurred[:, column] >= other) <= best + 1e-9


def test_a_rare_label_borrows_the_threshold_of_all(answers):
    probabilities, truth = answers
    rare_truth = np.zeros((len(truth), 1), dtype=bool)
    rare_truth[:2] = True
    rare = np.full((len(truth), 1), 0.05)
    rare[:2] = 0.97  # Two rows alone would put it anywhere from 0.06 to 0.97.
    both = np.hstack([probabilities[:, :1], rare]), np.hstack([truth[:, :1], rare_truth])
    chosen = tune_thresholds(*both, parents=NO_PARENTS)
    assert chosen[1] == pytest.approx(chosen[0], abs=0.05)
    alone = tune_thresholds(*both, parents=NO_PARENTS, borrowed=0.0)
    assert abs(alone[1] - alone[0]) > 0.1


def test_a_child_is_never_below_its_parent(answers):
    probabilities, truth = answers
    swapped = probabilities[:, ::-1], truth[:, ::-1]  # The parent's own best is 0.7, the child's 0.3.
    free = tune_thresholds(*swapped, parents=NO_PARENTS)
    assert free[1] < free[0]
    bound = tune_thresholds(*swapped, parents=np.array([-1, 0]))
    assert bound[0] == free[0]
    assert bound[1] >= bound[0]


def test_rows_without_any_label_leave_the_middle():
    nothing = np.zeros((3, 2), dtype=bool)
    assert tune_thresholds(np.full((3, 2), 0.9), nothing, parents=NO_PARENTS).tolist() == [UNFITTED] * 2
    with pytest.raises(EmptyDataError):
        tune_thresholds(np.zeros((0, 2)), nothing[:0], parents=NO_PARENTS)
