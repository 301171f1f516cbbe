"""One sigmoid per label: its own with many rows, the common one with few."""

import numpy as np
import pytest
from scipy.special import expit

from metier.errors import EmptyDataError
from metier.evaluation.calibration import fit_grade_temperature
from metier.evaluation.platt_scaling import fit_sigmoids
from metier.tasks.answers.grade import from_conditional


def sample(slopes, offsets, n_rows, *, seed=0):
    random = np.random.default_rng(seed)
    logits = random.normal(scale=0.7, size=(n_rows, len(slopes)))
    return logits, random.random(logits.shape) < expit(logits * slopes + offsets)


def test_recovers_the_sigmoids_of_simulated_rows():
    true_slopes, true_offsets = np.array([2.0, 5.0]), np.array([0.5, -3.0])
    slopes, offsets = fit_sigmoids(*sample(true_slopes, true_offsets, 60_000))
    np.testing.assert_allclose(slopes, true_slopes, rtol=0.06)
    np.testing.assert_allclose(offsets, true_offsets, rtol=0.06)


def test_probabilities_are_calibrated_on_other_rows():
    true_slopes, true_offsets = np.array([1.0, 4.0, 2.0]), np.array([0.0, -2.0, -1.0])
    slopes, offsets = fit_sigmoids(*sample(true_slopes, true_offsets, 500))
    logits, truth = sample(true_slopes, true_offsets, 20_000, seed=1)
    given = expit(logits * slopes + offsets)
    np.testing.assert_allclose(given.mean(axis=0), truth.mean(axis=0), atol=0.04)


def test_a_label_without_rows_and_a_separable_one_stay_finite():
    logits, truth = sample(np.array([3.0, 3.0]), np.array([-1.0, -1.0]), 300)
    truth[:, 0] = False
    truth[:, 1] = logits[:, 1] > 0
    slopes, offsets = fit_sigmoids(logits, truth)
    assert np.isfinite([slopes, offsets]).all()
    assert (slopes > 0).all()
    assert expit(logits[:, 0] * slopes[0] + offsets[0]).max() < 0.5


def test_no_rows_are_refused():
    with pytest.raises(EmptyDataError):
        fit_sigmoids(np.zeros((0, 2)), np.zeros((0, 2), dtype=bool))
    with pytest.raises(EmptyDataError):
        fit_grade_temperature(np.zeros((0, 2)), np.zeros(0, dtype=int), probabilities=from_conditional)


def test_the_temperature_of_grades_undoes_a_stretch():
    random = np.random.default_rng(0)
    logits = random.normal(size=(20_000, 3))
    chances = from_conditional(logits)
    grades = (random.random((len(chances), 1)) > chances.cumsum(axis=1)).sum(axis=1)
    assert fit_grade_temperature(3 * logits, grades, probabilities=from_conditional) == pytest.approx(
        3, rel=0.05
    )
