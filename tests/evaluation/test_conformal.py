import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from metier.errors import DataError
from metier.evaluation.conformal import (
    fit_score_intervals,
    half_width,
    held_coverage,
    measured_coverage,
    rows_for_coverage,
)
from metier.tasks.answers import SCORE
from metier.tasks.examples import Examples

PAIRS = Path(__file__).parents[2] / "examples" / "covid_faq" / "question_pairs.csv"


@pytest.mark.parametrize("rows", [9, 40, 200])
@pytest.mark.parametrize("spread", ["normal", "heavy"])
def test_coverage_on_new_rows_is_as_guaranteed(rows, spread):
    rng = np.random.default_rng(rows)
    draw = rng.standard_normal if spread == "normal" else lambda size: rng.standard_t(2, size)
    samples, held = 4000, 0
    for _ in range(samples):
        truth = draw(rows + 1)
        intervals = fit_score_intervals(truth[:-1], np.zeros(rows), coverage=0.9)
        low, high = intervals.around([0.0])
        held += low[0] <= truth[-1] <= high[0]
    # At least 0.9, and at most 1 / (rows + 1) above it (Lei et al., theorem 2.2).
    assert binom.ppf(0.001, samples, 0.9) <= held <= binom.ppf(0.999, samples, 0.9 + 1 / (rows + 1))


def test_difficulty_adapts_the_width_and_keeps_the_guarantee():
    rng = np.random.default_rng(2)
    difficulty = np.where(rng.random(6000) < 0.5, 1.0, 5.0)
    errors = rng.normal(size=6000) * difficulty
    seen, new = slice(0, 3000), slice(3000, None)

    def hold(given_difficulty):
        one = np.ones(6000) if given_difficulty is None else given_difficulty
        intervals = fit_score_intervals(errors[seen], np.zeros(3000), difficulty=one[seen])
        low, high = intervals.around(np.zeros(3000), one[new])
        inside = (low <= errors[new]) & (errors[new] <= high)
        return inside, high - low

    plain, plain_widths = hold(None)
    normalised, widths = hold(difficulty)
    easy = difficulty[new] == 1
    assert plain.mean() == pytest.approx(0.9, abs=0.02)
    assert normalised.mean() == pytest.approx(0.9, abs=0.02)
    # With one width easy rows are covered more often than hard ones; with difficulty both are covered alike.
    assert plain[~easy].mean() < 0.85 < 0.99 < plain[easy].mean()
    assert normalised[easy].mean() == pytest.approx(normalised[~easy].mean(), abs=0.03)
    assert widths.mean() < plain_widths.mean()


def test_coverage_on_real_questions():
    with PAIRS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [row["question_1"] for row in rows] + [row["question_2"] for row in rows]
    lengths = np.array([float(len(text.split())) for text in texts])
    rng = np.random.default_rng(3)
    features = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), norm=None).fit_transform(texts)
    held, samples = [], 20
    for _ in range(samples):
        train, seen, new = np.split(rng.permutation(len(texts)), [len(texts) // 3, 2 * len(texts) // 3])
        model = Ridge().fit(features[train], lengths[train])
        intervals = fit_score_intervals(lengths[seen], model.predict(features[seen]), coverage=0.8)
        low, high = intervals.around(model.predict(features[new]))
        held.append(measured_coverage(lengths[new], low, high).value)
    assert np.mean(held) == pytest.approx(0.8, abs=0.04)


@given(st.integers(0, 1000), st.floats(0.5, 100), st.floats(-50, 50))
def test_intervals_follow_the_unit(seed, factor, shift):
    truth, predicted = np.random.default_rng(seed).normal(size=(2, 20))
    intervals = fit_score_intervals(truth, predicted)
    moved = fit_score_intervals(truth * factor + shift, predicted * factor + shift)
    assert moved.reach == pytest.approx(intervals.reach * factor)
    low, high = intervals.around(predicted)
    assert measured_coverage(truth, low, high).value >= 0.9


def test_too_few_rows_are_refused():
    assert [rows_for_coverage(coverage) for coverage in (0.5, 0.8, 0.9, 0.95, 0.99)] == [1, 4, 9, 19, 99]
    assert fit_score_intervals(range(9), [0] * 9).reach == 8
    with pytest.raises(DataError, match="at least 9 held-out rows"):
        fit_score_intervals(range(8), [0] * 8)
    with pytest.raises(ValueError, match="coverage above 0"):
        fit_score_intervals(range(20), [0] * 20, coverage=1)
    with pytest.raises(ValueError, match="difficulty above 0"):
        fit_score_intervals(range(20), [0] * 20, difficulty=[0.0] * 20)


def test_measured_coverage_has_an_interval():
    truth = np.arange(50.0)
    found = measured_coverage(truth, np.zeros(50), np.full(50, 44.0))
    exact = binomtest(45, 50).proportion_ci(method="exact")
    assert (found.value, found.low, found.high) == pytest.approx((0.9, exact.low, exact.high))
    assert measured_coverage(truth, truth, truth).high == 1
    assert measured_coverage(truth, truth + 1, truth + 2).low == 0


@pytest.mark.parametrize(("rows", "held"), [(5, 5 / 6), (8, 8 / 9), (9, 0.9), (100, 0.9)])
def test_few_rows_promise_no_more_than_they_hold(rows, held):
    assert held_coverage(rows, 0.9) == pytest.approx(held)
    rng = np.random.default_rng(rows)
    inside = [
        np.mean(np.abs(rng.standard_normal(50)) <= half_width(rng.standard_normal(rows), coverage=0.9))
        for _ in range(2000)
    ]
    assert np.mean(inside) >= held - 0.02
    logits, truth = np.zeros((rows, 1)), rng.standard_normal(rows)
    assert SCORE.fit_decoder(logits, Examples(range(rows), truth)).coverage == pytest.approx(held)
