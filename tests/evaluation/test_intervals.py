import time

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from metier.errors import UnknownNameError
from metier.evaluation import bootstrap_interval, interval_of
from metier.evaluation.metrics import METRICS


def draw(rows, labels, right, rng):
    # Unequal labels and unequal difficulty, as in real rows.
    shares = np.arange(1, labels + 1) / np.arange(1, labels + 1).sum()
    truth = rng.choice(labels, rows, p=shares)
    hit = rng.random(rows) < right - 0.2 * (truth / labels)
    return truth, np.where(hit, truth, rng.integers(0, labels, rows))


@pytest.mark.parametrize(("metric", "samples"), [("accuracy", 800), ("macro_f1", 400)])
def test_the_interval_contains_the_true_value_as_often_as_stated(metric, samples):
    rng = np.random.default_rng(3)
    true_figure = METRICS[metric](*draw(2_000_000, 10, 0.95, rng))
    held = 0
    for _ in range(samples):
        interval = bootstrap_interval(metric, *draw(500, 10, 0.95, rng), resamples=600)
        held += interval.low <= true_figure <= interval.high
    # Sampling error around 95 %, and one point for the approximation of the bootstrap.
    assert held >= binom.ppf(0.001, samples, 0.94)
    assert held <= binom.ppf(0.999, samples, 0.96)


def test_accuracy_is_near_the_wilson_interval():
    truth = np.zeros(1000, dtype=int)
    predicted = np.r_[np.zeros(930, dtype=int), np.ones(70, dtype=int)]
    interval = bootstrap_interval("accuracy", truth, predicted, resamples=20_000)
    wilson = binomtest(930, 1000).proportion_ci(method="wilson")
    assert (interval.low, interval.high) == pytest.approx((wilson.low, wilson.high), abs=0.002)
    assert interval.value == 0.93


@pytest.mark.parametrize("metric", METRICS)
def test_all_correct_is_not_certainty(metric):
    truth = np.arange(300) % 3
    interval = bootstrap_interval(metric, truth, truth)
    assert interval.high == interval.value == 1
    assert interval.low == pytest.approx(binomtest(300, 300).proportion_ci(method="exact").low)


def test_all_wrong_is_not_certainty():
    interval = bootstrap_interval("accuracy", np.zeros(40, dtype=int), np.ones(40, dtype=int))
    assert interval.low == interval.value == 0
    assert interval.high == pytest.approx(binomtest(0, 40).proportion_ci(method="exact").high)


def test_same_seed_same_interval_and_a_wider_one_at_a_higher_level():
    truth, predicted = draw(500, 10, 0.9, np.random.default_rng(4))
    first = bootstrap_interval("macro_f1", truth, predicted, random_state=5)
    assert bootstrap_interval("macro_f1", truth, predicted, random_state=5) == first
    wider = bootstrap_interval("macro_f1", truth, predicted, level=0.99, random_state=5)
    assert wider.low < first.low < first.value < first.high < wider.high


@pytest.mark.serial
def test_three_thousand_rows_of_77_labels_take_under_a_second():
    truth, predicted = draw(3000, 77, 0.95, np.random.default_rng(6))
    bootstrap_interval("macro_f1", truth, predicted)
    start = time.process_time()
    bootstrap_interval("macro_f1", truth, predicted)
    assert time.process_time() - start < 1


def test_the_error_of_an_unknown_metric_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'macro_f1'"):
        bootstrap_interval("macrof1", np.array([0, 1]), np.array([0, 1]))


def test_a_kappa_of_one_is_not_certainty():
    grades = np.arange(40) % 5
    found = interval_of("quadratic_kappa", grades, grades)
    assert (found.value, found.high) == (1, 1)
    assert 0.8 < found.low < 0.99
