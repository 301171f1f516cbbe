"""Thresholds keep their guarantee on other rows, and the area under the curve is that of a brute force."""

import numpy as np
import pytest

from metier.errors import DataError
from metier.evaluation.selective import (
    area_under_risk_coverage,
    choose_threshold,
    label_thresholds,
    rows_for_target,
)


def drawn(random, rows):
    confidence = random.random(rows)
    return confidence, random.random(rows) < 0.6 + 0.4 * confidence


@pytest.mark.parametrize("target", [0.9, 0.95])
def test_the_guarantee_holds_on_other_rows(target):
    random = np.random.default_rng(0)
    broken = 0
    for _ in range(400):
        found = choose_threshold(*drawn(random, 600), target=target)
        if found is not None:
            # Above a threshold the true accuracy is that of confidences drawn evenly above it.
            broken += 0.6 + 0.4 * (1 + found.threshold) / 2 < target
    assert broken / 400 <= 0.05


def test_more_is_answered_where_less_is_asked():
    confidence, correct = drawn(np.random.default_rng(1), 2000)
    shares = [choose_threshold(confidence, correct, target=target).share for target in (0.7, 0.8, 0.9)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1
    assert choose_threshold(confidence, np.zeros(2000, bool), target=0.9) is None


def test_equal_confidences_are_answered_together():
    found = choose_threshold([0.9] * 100 + [0.1] * 100, [True] * 100 + [False] * 100, target=0.9)
    assert (found.answered, found.threshold, found.accuracy) == (100, 0.9, 1)


def test_too_few_rows_are_said():
    assert rows_for_target(0.95) == 117
    with pytest.raises(DataError, match="117 rows at least"):
        choose_threshold([1.0] * 116, [True] * 116, target=0.95)


def test_the_area_is_the_mean_error_over_all_shares():
    confidence, correct = drawn(np.random.default_rng(2), 50)
    order = np.argsort(-confidence)
    risks = [1 - np.mean(correct[order[:n]]) for n in range(1, 51)]
    assert area_under_risk_coverage(confidence, correct) == pytest.approx(np.mean(risks))
    assert area_under_risk_coverage([0.5] * 50, correct) == pytest.approx(1 - np.mean(correct))


def test_a_label_that_is_often_wrong_asks_for_more_confidence():
    random = np.random.default_rng(2)
    confidence, rows = random.random(1_500), np.arange(1_500)
    answered = np.where(rows < 700, "easy", np.where(rows < 1_400, "hard", "rare"))
    right = random.random(1_500) < np.where(answered == "easy", 0.99, confidence)
    found = label_thresholds(confidence, answered, right, target=0.8)
    assert found.keys() == {"easy", "hard", "rare"}
    assert found["easy"].threshold < 0.1
    assert found["hard"] is None or found["hard"].threshold > 0.5
    assert "rare" not in label_thresholds(confidence, answered, right, target=0.97)


def test_the_guarantee_of_a_label_holds_on_other_rows():
    random, broken, given = np.random.default_rng(3), 0, 0
    for _ in range(300):
        confidence, right = drawn(random, 900)
        own = label_thresholds(confidence, np.repeat(["a", "b"], 450), right, target=0.85)
        for one in own.values():
            given += one is not None
            broken += one is not None and 0.6 + 0.4 * (1 + one.threshold) / 2 < 0.85
    assert given > 300
    assert broken / 600 <= 0.05
