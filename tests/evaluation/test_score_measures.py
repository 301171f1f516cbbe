import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, pearsonr, spearmanr
from sklearn.metrics import cohen_kappa_score, mean_absolute_error, root_mean_squared_error

from metier.evaluation.row_measures import MEASURES, measure, row_comparison, row_interval
from metier.evaluation.score_measures import on_grades

seeds = st.integers(0, 10_000)


@settings(deadline=None)
@given(seeds, st.sampled_from([0, 1, 6]))
def test_score_metrics_agree_with_scipy_and_scikit_learn(seed, digits):
    rng = np.random.default_rng(seed)
    truth = (rng.normal(size=30) * 10 + 1000).round(digits)
    predicted = (truth + rng.normal(size=30) * 5).round(digits)
    assert measure("mae", truth, predicted) == pytest.approx(mean_absolute_error(truth, predicted))
    assert measure("rmse", truth, predicted) == pytest.approx(root_mean_squared_error(truth, predicted))
    assert measure("pearson", truth, predicted) == pytest.approx(pearsonr(truth, predicted).statistic)
    assert measure("spearman", truth, predicted) == pytest.approx(spearmanr(truth, predicted).statistic)


@settings(deadline=None)
@given(seeds)
def test_ranks_of_a_resample_are_those_of_its_rows(seed):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.normal(size=(2, 15)).round(0 if seed % 2 else 3)
    counts = rng.multinomial(15, np.full(15, 1 / 15), size=4).astype(float)
    spearman = MEASURES["spearman"]
    found = spearman.values(spearman.statistics(truth, predicted), counts)
    for draw, figure in zip(counts.astype(int), found, strict=True):
        x, y = np.repeat(truth, draw), np.repeat(predicted, draw)
        constant = len(set(x)) == 1 or len(set(y)) == 1
        assert figure == pytest.approx(0.0 if constant else spearmanr(x, y).statistic)


@settings(deadline=None)
@given(seeds)
def test_kappa_agrees_with_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 5, 40)
    predicted = np.clip(truth + rng.integers(-2, 3, 40), 0, 4)
    expected = cohen_kappa_score(truth, predicted, weights="quadratic")
    assert measure("quadratic_kappa", truth, predicted) == pytest.approx(expected)


@given(seeds, st.floats(0.1, 100), st.floats(-100, 100))
def test_correlations_do_not_change_with_the_unit(seed, factor, shift):
    truth, predicted = np.random.default_rng(seed).normal(size=(2, 20))
    for name in ("pearson", "spearman"):
        figure = measure(name, truth, predicted)
        assert measure(name, truth, predicted * factor + shift) == pytest.approx(figure)
        assert measure(name, predicted, truth) == pytest.approx(figure)
        assert measure(name, truth, -predicted) == pytest.approx(-figure)


def test_constant_answers_have_no_correlation():
    for name in ("pearson", "spearman"):
        assert measure(name, [1.0, 2.0, 3.0], [5.0, 5.0, 5.0]) == 0
    assert measure("quadratic_kappa", [2, 2], [2, 2]) == 0


def test_grades_count_as_positions_in_the_order():
    order = ["bearish", "neutral", "bullish"]
    kappa = on_grades(MEASURES["quadratic_kappa"], order)
    truth = ["bullish", "neutral", "bearish", "bearish", "neutral"]
    predicted = ["bullish", "bullish", "bearish", "neutral", "neutral"]
    places = ([order.index(label) for label in labels] for labels in (truth, predicted))
    assert measure(kappa, truth, predicted) == pytest.approx(cohen_kappa_score(*places, weights="quadratic"))
    assert measure(on_grades(MEASURES["mae"], order), truth, predicted) == pytest.approx(0.4)
    comparison = row_comparison(kappa, truth, truth, predicted)
    assert (comparison.only_a_right, comparison.only_b_right) == (2, 0)
    with pytest.raises(ValueError, match="found sideways"):
        measure(kappa, truth, ["sideways"] * 5)


def test_the_interval_of_a_high_rank_correlation_contains_it_as_often_as_stated():
    rng = np.random.default_rng(5)
    samples, held = 400, 0
    true_figure = 6 / np.pi * np.arcsin(0.95 / 2)  # Spearman's of two normal variables correlated by 0.95.
    for _ in range(samples):
        truth = rng.normal(size=80)
        predicted = 0.95 * truth + np.sqrt(1 - 0.95**2) * rng.normal(size=80)
        interval = row_interval("spearman", truth, predicted, resamples=400)
        held += interval.low <= true_figure <= interval.high
    assert binom.ppf(0.001, samples, 0.93) <= held <= binom.ppf(0.999, samples, 0.97)


def test_a_score_that_is_not_finite_is_reported_with_its_position():
    with pytest.raises(ValueError, match="found nan at position 1"):
        measure("mae", [1.0, float("nan")], [1.0, 2.0])
