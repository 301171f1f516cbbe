import itertools

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from metier.evaluation import compare, macro_f1, mcnemar_exact
from metier.evaluation.comparison import randomization_test


def pair(rng, *, rows=400, a=0.85, b=0.85, labels=5):
    truth = rng.integers(0, labels, rows)
    wrong = (truth + rng.integers(1, labels, rows)) % labels
    return truth, np.where(rng.random(rows) < a, truth, wrong), np.where(rng.random(rows) < b, truth, wrong)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (8, 21), (21, 8), (5, 5), (0, 9)])
def test_mcnemar_is_a_sign_test_on_the_rows_that_differ(only_a, only_b):
    truth = np.zeros(only_a + only_b + 50, dtype=int)
    a = np.r_[np.zeros(only_a), np.ones(only_b), np.zeros(25), np.ones(25)].astype(int)
    b = np.r_[np.ones(only_a), np.zeros(only_b), np.zeros(25), np.ones(25)].astype(int)
    expected = binomtest(only_a, only_a + only_b, 0.5).pvalue if only_a + only_b else 1.0
    assert mcnemar_exact(truth, a, b) == pytest.approx(expected)
    comparison = compare(truth, a, b)
    assert (comparison.only_a_right, comparison.only_b_right) == (only_a, only_b)
    middle = binom.pmf(only_a, only_a + only_b, 0.5)
    assert comparison.p_value == pytest.approx(expected if only_a == only_b else expected - middle)


def test_randomization_is_the_average_over_all_swaps():
    rng = np.random.default_rng(8)
    truth, a, b = pair(rng, rows=9, a=0.8, b=0.4, labels=3)
    real = abs(macro_f1(truth, a) - macro_f1(truth, b))
    as_large = []
    for coins in itertools.product([False, True], repeat=9):
        swap = np.array(coins)
        difference = macro_f1(truth, np.where(swap, b, a)) - macro_f1(truth, np.where(swap, a, b))
        as_large.append(abs(difference) >= real - 1e-12)
    found = randomization_test("macro_f1", truth, a, b, swaps=20_000, rng=rng)
    assert found == pytest.approx(np.mean(as_large), abs=0.015)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_a_real_difference_is_found_and_has_the_correct_sign(metric):
    truth, a, b = pair(np.random.default_rng(9), rows=2000, a=0.9, b=0.8)
    comparison = compare(truth, a, b, metric=metric)
    assert comparison.verdict == "a is better"
    assert 0.05 < comparison.low < comparison.difference < comparison.high < 0.15
    mirrored = compare(truth, b, a, metric=metric)
    assert mirrored.verdict == "b is better"
    assert mirrored.difference == pytest.approx(-comparison.difference)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_equally_good_methods_rarely_show_a_difference(metric):
    rng = np.random.default_rng(10)
    samples = 300
    told_apart = sum(
        compare(*pair(rng), metric=metric, resamples=300).verdict != "no difference shown"
        for _ in range(samples)
    )
    assert told_apart <= binom.ppf(0.999, samples, 0.05)


def test_the_paired_interval_contains_the_true_difference():
    rng = np.random.default_rng(11)
    samples = 500
    held = 0
    for _ in range(samples):
        comparison = compare(*pair(rng, a=0.88, b=0.82), resamples=500)
        held += comparison.low <= 0.06 <= comparison.high
    assert binom.ppf(0.001, samples, 0.94) <= held <= binom.ppf(0.999, samples, 0.96)


def test_same_answers_show_no_difference():
    truth, a, _ = pair(np.random.default_rng(12))
    comparison = compare(truth, a, a, metric="macro_f1")
    assert comparison.verdict == "no difference shown"
    assert (comparison.difference, comparison.p_value) == (0, 1)
    # Rows answered alike do not show that all rows are.
    assert -0.01 < comparison.low < 0 < comparison.high < 0.01
