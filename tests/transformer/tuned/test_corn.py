"""The CORN loss against a value worked by hand, and what it says nothing of."""

import numpy as np
import pytest
import torch

from metier.tasks.answers.grade import from_conditional
from metier.training.objectives.corn import corn_loss


def test_against_a_value_worked_by_hand():
    # Three grades, two questions. Sigmoids: 3/4 and 1/2 for the first row, 1/4 and 3/4 for the second.
    three = float(np.log(3))
    logits = torch.tensor([[three, 0.0], [-three, three]])
    # Row of grade 1: above 0 (yes, 3/4), above 1 (no, 1/2). Row of grade 0: above 0 (no, 3/4); the rest is not asked.
    expected = -(np.log(3 / 4) + np.log(1 / 2) + np.log(3 / 4)) / 3
    assert float(corn_loss(logits, torch.tensor([1, 0]))) == pytest.approx(expected)


def test_questions_above_a_grade_are_not_asked():
    logits = torch.zeros(1, 3, requires_grad=True)
    corn_loss(logits, torch.tensor([1])).backward()
    assert logits.grad[0, 2] == 0
    assert (logits.grad[0, :2] != 0).all()


def test_it_is_the_likelihood_of_the_grades():
    random = np.random.default_rng(0)
    logits, grades = random.normal(size=(50, 3)), random.integers(0, 4, size=50)
    asked = np.minimum(grades + 1, 3).sum()
    given = from_conditional(logits)[np.arange(50), grades]
    found = float(corn_loss(torch.from_numpy(logits), torch.from_numpy(grades)))
    assert found * asked == pytest.approx(-np.log(given).sum())
