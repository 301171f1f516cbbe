"""The recommended candidate against each other one on the same rows."""

import numpy as np
import pytest

from metier.selection.scores import Scores
from metier.tasks.classification import Classification

ROWS = 300


@pytest.fixture(scope="module")
def judge():
    truth = ["yes" if row % 2 else "no" for row in range(ROWS)]
    return Scores(Classification.from_labels(["no", "yes"]), truth)


def wrong_in(judge, rows):
    """Answers that are right but in some rows."""
    rows = set(rows)
    other = {"yes": "no", "no": "yes"}
    return [other[label] if row in rows else label for row, label in enumerate(judge.targets)]


@pytest.fixture(scope="module")
def found(judge):
    answers = {
        "chosen": wrong_in(judge, range(30)),
        "far": wrong_in(judge, range(100)),
        "near": wrong_in(judge, range(1, 31)),
        "better": wrong_in(judge, range(10)),
    }
    return judge.against_each("accuracy", answers, "chosen", 0.01)


def test_every_other_candidate_has_its_comparison(found):
    assert set(found) == {"far", "near", "better"}
    assert found["far"].difference == pytest.approx(70 / ROWS)
    assert found["far"].verdict == "a is better"
    assert found["near"].verdict == "no difference shown"
    assert found["better"].difference == pytest.approx(-20 / ROWS)
    assert found["better"].verdict == "b is better"
    assert all(one.low <= one.difference <= one.high for one in found.values())


def test_the_chance_of_being_worse_by_more_than_the_tolerance(found):
    assert found["far"].chance_worse < 0.01
    assert found["better"].chance_worse > 0.99
    assert found["near"].chance_worse < 0.05


def test_p_values_are_adjusted_for_the_number_of_candidates(judge):
    rng = np.random.default_rng(0)
    answers = {f"m{n}": wrong_in(judge, rng.permutation(ROWS)[:30]) for n in range(6)}
    alone = judge.against_each("accuracy", {name: answers[name] for name in ("m0", "m1")}, "m0", 0.01)["m1"]
    among = judge.against_each("accuracy", answers, "m0", 0.01)["m1"]
    assert among.p_value >= alone.p_value
    assert among.difference == alone.difference
