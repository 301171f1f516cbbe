"""The law of simulated errors is recovered, and forecasts contain later errors."""

import numpy as np
import pytest

from metier.evaluation.power_law import CurveErrors, fit_power_law, forecast
from metier.evaluation.row_resampling import paired_samples

SIZES = np.array([500.0, 1000.0, 2000.0, 4000.0, 8000.0])


def law(rows, *, irreducible=0.03, scale=0.05, exponent=0.6):
    return irreducible + scale * (np.asarray(rows) / 8000) ** -exponent


def test_the_law_of_simulated_errors_is_recovered():
    [found] = fit_power_law(SIZES, law(SIZES)[None], np.ones((1, 5)))
    assert found.error_at(16_000) == pytest.approx(law(16_000), rel=0.01)
    assert found.irreducible_error == pytest.approx(0.03, abs=0.004)


def test_an_error_that_does_not_fall_is_irreducible():
    [found] = fit_power_law(SIZES, np.full((1, 5), 0.4), np.ones((1, 5)))
    assert found.error_at(16_000) == pytest.approx(0.4)


def simulated(rng, *, rows=800, draws=3, noise=0.02):
    """Simulated answers to rows of varying difficulty at each training set size, and at twice the last."""
    ease = rng.random(rows)
    truth = np.ones(rows, dtype=np.int64)

    def answers(size):
        error = law(size) * (1 + noise * rng.standard_normal())
        return (ease > error).astype(np.int64)

    sets = [[answers(size) for _ in range(draws if size < SIZES[-1] else 1)] for size in SIZES]
    samples = [1 - paired_samples("accuracy", truth, one, resamples=200) for one in sets]
    errors = [np.array([1 - answer.mean() for answer in one]) for one in sets]
    return CurveErrors(SIZES, errors, samples), float(law(2 * SIZES[-1]) * (1 + noise * rng.standard_normal()))


def test_nine_of_ten_intervals_contain_the_later_error_and_are_narrow():
    rng = np.random.default_rng(0)
    held, widths = 0, []
    for _ in range(20):
        curve, comes = simulated(rng)
        ahead = forecast(curve, 2 * SIZES[-1])
        held += ahead.low <= comes <= ahead.high
        widths.append(ahead.high - ahead.low)
    assert held >= 18
    assert np.median(widths) < 0.05  # The error itself is .063 there.


def test_the_same_seed_gives_the_same_forecast():
    curve, _ = simulated(np.random.default_rng(1))
    first, second = (forecast(curve, 16_000, random_state=3) for _ in range(2))
    np.testing.assert_array_equal(first.drawn, second.drawn)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_samples_of_rows_are_the_same_for_every_set(metric):
    truth = np.array([0, 1, 2] * 40)
    answers = np.where(np.arange(120) % 7 == 0, 0, truth)
    samples = paired_samples(metric, truth, [answers, answers.copy()], resamples=50)
    np.testing.assert_array_equal(samples[0], samples[1])
    assert samples[0].std() > 0


def test_samples_of_tags_too():
    truth = [[[0, 2, "A"]], [[0, 2, "B"]], []] * 20
    found = [[[0, 2, "A"]], [], []] * 20
    samples = paired_samples("entity_f1", truth, [truth, found], resamples=50)
    assert samples[0] == pytest.approx(1.0)
    assert 0.3 < samples[1].mean() < 0.9
