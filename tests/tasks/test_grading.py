"""The order of grades: stated, told by numbers, known of words, or refused; and probabilities that respect it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metier.errors import DataError, UnknownLabelError
from metier.tasks.answers.grade import GRADE, from_conditional, from_cumulative
from metier.tasks.answers.grade_order import order_of
from metier.tasks.ordinal import Ordinal


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["bearish", "bullish", "neutral"], ("bearish", "neutral", "bullish")),
        (["high", "low", "medium"], ("low", "medium", "high")),
        (["High", "very_low", "Medium"], ("very_low", "Medium", "High")),
        (["10", "2", "-1", "3.5"], ("-1", "2", "3.5", "10")),
        (["中", "低", "高"], ("低", "中", "高")),
        (["中评", "好评", "差评"], ("差评", "中评", "好评")),
        (["一般", "不满意", "满意"], ("不满意", "一般", "满意")),
        (["A", "AAA", "BB", "BBB"], ("BB", "BBB", "A", "AAA")),
    ],
)
def test_orders_that_are_known(labels, expected):
    assert order_of(sorted(labels)) == expected


@pytest.mark.parametrize("labels", [["red", "green"], ["low", "green"], ["1", "low"], ["1", "1.0"]])
def test_an_order_that_is_not_known_is_asked_for(labels):
    with pytest.raises(DataError, match=r"--order .*order="):
        order_of(labels)


def test_a_stated_order_wins_and_must_name_every_grade():
    stated = ["bullish", "unheard", "neutral", "bearish"]
    assert order_of(["bearish", "bullish", "neutral"], order=stated) == ("bullish", "neutral", "bearish")
    with pytest.raises(DataError, match="leaves out 'neutral'"):
        order_of(["bearish", "neutral"], order=["bearish"])
    with pytest.raises(DataError, match="names 'low' twice"):
        order_of(["low", "high"], order=["low", "high", "low"])
    with pytest.raises(DataError, match="names 'low' twice"):  # The slip that left out the other.
        order_of(["low", "high"], order=["low", "low"])


def test_the_task_keeps_the_order():
    task = Ordinal.from_labels(["high", "low", "high", "medium"])
    assert task.labels == ("low", "medium", "high")
    assert task.facts()["order"] == "low < medium < high"


def test_grades_are_numbered_from_the_lowest():
    examples = GRADE.check(["a", "b", "c"], ["high", "low", "medium"])
    assert examples.labels.tolist() == ["low", "medium", "high"]
    assert examples.truth.tolist() == [2, 0, 1]
    validation = GRADE.check(["d"], ["low"], known=examples)
    assert validation.truth.tolist() == [0]
    assert validation.labels.tolist() == ["low", "medium", "high"]
    with pytest.raises(UnknownLabelError):
        GRADE.check(["d"], ["severe"], known=examples)


def test_probabilities_from_logits_worked_by_hand():
    half, three = 0.0, np.log(3)  # Sigmoids of 1/2 and 3/4.
    np.testing.assert_allclose(from_cumulative(np.array([[three, half]])), [[0.25, 0.25, 0.5]])
    # Independent models may say that being above the higher is likelier: then nothing lies between.
    np.testing.assert_allclose(from_cumulative(np.array([[half, three]])), [[0.5, 0.0, 0.5]])
    np.testing.assert_allclose(from_conditional(np.array([[three, half]])), [[0.25, 0.375, 0.375]])


@given(arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 6)), elements=st.floats(-1e6, 1e6)))
def test_they_are_probabilities(logits):
    for turn in (from_cumulative, from_conditional):
        probabilities = turn(logits)
        assert probabilities.shape == (len(logits), logits.shape[1] + 1)
        assert (probabilities >= 0).all()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
