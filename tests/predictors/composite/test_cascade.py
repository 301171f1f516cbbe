import numpy as np
import pytest

from metier.predictors import Answers
from metier.predictors.composite.average import AveragePredictor
from metier.predictors.composite.cascade import NEVER, CascadePredictor
from metier.predictors.composite.members import Member
from metier.tasks.answers.label import LabelDecoder

LABELS = ("no", "yes")
TEXTS = ["1.0", "0.6", "0.05", "0.5", "0.9"]


class Asked:
    """Reads the probability of "yes" off the text, bends it, and remembers what it was asked."""

    labels = LABELS

    def __init__(self, name, power=1.0):
        self.name = name
        self.power = power
        self.texts = []

    def predict(self, texts):
        self.texts.extend(texts)
        yes = np.array([float(text) for text in texts]) ** self.power
        return Answers(np.column_stack([1 - yes, yes]), LABELS, (self.name,) * len(texts))


@pytest.fixture
def cheap():
    return Asked("cheap.v1")


@pytest.fixture
def big():
    return Asked("big.v1", power=3.0)


def cascade(cheap, big, threshold):
    stages = {"cheap": Member(cheap, "cheap print"), "big": Member(big, "big print")}
    return CascadePredictor(**stages, threshold=threshold, labels=LABELS, name="cascade.v1")


def average(*members):
    placed = [Member(member, f"{member.name.partition('.')[0]} print") for member in members]
    equal = [1 / len(members)] * len(members)
    return AveragePredictor(placed, equal, LabelDecoder(LABELS), kind="average.v1", name="average.v1")


def test_only_unsure_texts_reach_the_big_stage(cheap, big):
    answers = cascade(cheap, big, 0.9).predict(TEXTS)
    assert cheap.texts == TEXTS
    assert big.texts == ["0.6", "0.5"]
    assert answers.answered_by == ("cheap.v1", "big.v1", "cheap.v1", "big.v1", "cheap.v1")
    np.testing.assert_allclose(answers.probabilities[:, 1], [1.0, 0.6**3, 0.05, 0.5**3, 0.9])


def test_a_probability_of_exactly_the_threshold_is_kept(cheap, big):
    cascade(cheap, big, 0.6).predict(TEXTS)
    assert big.texts == ["0.5"]


def test_the_big_stage_sleeps_where_all_is_sure(cheap, big):
    answers = cascade(cheap, big, 0.0).predict(TEXTS)
    assert big.texts == []
    assert set(answers.answered_by) == {"cheap.v1"}


def test_a_threshold_nothing_reaches_leaves_the_cheap_stage_out(cheap, big):
    answers = cascade(cheap, big, NEVER).predict(TEXTS)
    assert cheap.texts == []
    assert set(answers.answered_by) == {"big.v1"}


def test_no_texts_get_no_answers(cheap, big):
    assert len(cascade(cheap, big, 0.9).predict([])) == 0


def test_a_cheap_stage_that_is_a_member_of_the_big_one_answers_once(cheap, big):
    whole = average(cheap, big)
    expected = whole.predict(TEXTS).probabilities
    cheap.texts.clear()
    big.texts.clear()
    answers = cascade(cheap, whole, 0.9).predict(TEXTS)
    assert cheap.texts == TEXTS
    assert big.texts == ["0.6", "0.5"]
    np.testing.assert_array_equal(answers.probabilities[[1, 3]], expected[[1, 3]])
    assert answers.answered_by[1] == "average.v1"


def test_a_cascade_over_a_cascade_over_an_average_asks_each_once(cheap, big):
    middle = Asked("middle.v1", power=2.0)
    inner = cascade(middle, average(cheap, middle, big), 0.7)
    inner.cheap = Member(middle, "middle print")
    answers = cascade(cheap, inner, 0.9).predict(TEXTS)
    assert cheap.texts == TEXTS
    assert middle.texts == ["0.6", "0.5"]
    assert big.texts == ["0.6"]
    assert answers.answered_by == ("cheap.v1", "average.v1", "cheap.v1", "middle.v1", "cheap.v1")


def test_a_stage_is_found_at_any_depth(cheap, big):
    nested = cascade(cheap, average(big), 0.9)
    assert nested.find("cheap print") is cheap
    assert nested.find("big print") is nested.big.predictor
    assert nested.find("other print") is None
