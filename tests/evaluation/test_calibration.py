import numpy as np
import pytest
import sklearn.metrics
from scipy.optimize import minimize
from sklearn.calibration import calibration_curve

from metier.errors import EmptyDataError
from metier.evaluation import (
    calibration_error,
    calibration_error_by_chance,
    fit_temperature,
    log_loss,
    reliability,
    softmax,
)
from metier.evaluation.calibration import PRIOR_SCALE


@pytest.fixture
def scored():
    """Logits whose true temperature is 1, and labels drawn from them."""
    rng = np.random.default_rng(7)
    logits = rng.normal(0, 2, (20_000, 5))
    probabilities = softmax(logits)
    truth = (probabilities.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    return logits, np.minimum(truth, 4)


def test_log_loss_agrees_with_scikit_learn(scored):
    logits, truth = scored
    assert log_loss(softmax(logits), truth) == pytest.approx(sklearn.metrics.log_loss(truth, softmax(logits)))


def test_log_loss_of_an_impossible_truth_is_finite():
    assert log_loss(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(1e-12))


@pytest.mark.parametrize("factor", [0.05, 1.0, 30.0])
def test_the_temperature_undoes_a_scaling(scored, factor):
    logits, truth = scored
    assert fit_temperature(logits * factor, truth) == pytest.approx(factor, rel=0.03)


def test_of_very_many_numbers_evenly_spaced_rows_give_the_temperature(scored, monkeypatch):
    logits, truth = scored
    whole = fit_temperature(logits * 3, truth)
    assert fit_temperature(logits[::4] * 3, truth[::4]) != whole
    monkeypatch.setattr("metier.evaluation.calibration.MOST_NUMBERS", logits.size // 4)
    monkeypatch.setattr("metier.evaluation.calibration.FEWEST_ROWS", len(truth) // 4)
    assert fit_temperature(logits * 3, truth) == fit_temperature(logits[::4] * 3, truth[::4])
    assert fit_temperature(logits * 3, truth) == pytest.approx(whole, rel=0.1)


def test_the_temperature_is_the_most_probable_one(scored):
    logits, truth = scored
    logits, truth = logits[:500] * 3, truth[:500]

    def loss(x):
        return 500 * log_loss(softmax(logits / np.exp(x[0])), truth) + np.log1p((x[0] / PRIOR_SCALE) ** 2)

    found = minimize(loss, x0=[0.0], method="Nelder-Mead")
    assert np.log(fit_temperature(logits, truth)) == pytest.approx(found.x[0], abs=1e-3)


def test_at_a_thousand_rows_the_prior_changes_nothing(scored):
    logits, truth = scored[0][:1000] * 0.3, scored[1][:1000]
    found = minimize(lambda x: log_loss(softmax(logits / np.exp(x[0])), truth), x0=[0.0], method="Nelder-Mead")
    fitted = fit_temperature(logits, truth)
    assert fitted == pytest.approx(np.exp(found.x[0]), rel=0.02)
    assert log_loss(softmax(logits / fitted), truth) == pytest.approx(found.fun, abs=1e-4)


@pytest.mark.parametrize("rows", [20, 30])
@pytest.mark.parametrize("true_temperature", [0.1, 0.5, 1.0, 2.0])
def test_few_rows_do_not_make_log_loss_worse_than_no_temperature(rows, true_temperature):
    rng = np.random.default_rng(rows)

    def drawn(n_rows):
        truth = rng.integers(0, 5, n_rows)
        logits = rng.standard_normal((n_rows, 5)) * 2
        logits[np.arange(n_rows), truth] += 4
        return logits * true_temperature, truth

    logits, truth = drawn(4000)
    fitted = [log_loss(softmax(logits / fit_temperature(*drawn(rows))), truth) for _ in range(60)]
    unscaled = log_loss(softmax(logits), truth)
    if true_temperature == 1:  # Nothing to gain: a percent or two is what looking costs.
        assert np.mean(fitted) < 1.05 * unscaled
    else:
        assert np.mean(fitted) < 0.97 * unscaled


def test_a_perfect_sample_gives_a_finite_temperature():
    logits = np.eye(3)[np.arange(90) % 3]
    confidence = softmax(logits / fit_temperature(logits, np.arange(90) % 3)).max(axis=1)
    # As if one of some hundred rows were wrong.
    assert np.all((confidence > 0.99) & (confidence < 0.9999))


def test_a_calibrated_sample_has_a_small_error_and_a_sharpened_one_a_large(scored):
    logits, truth = scored
    assert calibration_error(softmax(logits), truth) < 0.015
    assert calibration_error(softmax(logits * 3), truth) > 0.1


def test_the_calibration_error_is_the_weighted_gap_of_the_bins(scored):
    logits, truth = scored
    probabilities = softmax(logits)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    gaps = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        gaps += abs(right[inside].sum() - confidence[inside].sum())
    assert calibration_error(probabilities, truth) == pytest.approx(gaps / len(truth), abs=1e-9)


def test_reliability_agrees_with_scikit_learn(scored):
    logits, truth = scored
    probabilities = softmax(logits)
    bins = reliability(probabilities, truth, bins=10)
    right = probabilities.argmax(axis=1) == truth
    accuracy, confidence = calibration_curve(right, probabilities.max(axis=1), n_bins=10)
    assert [cell["accuracy"] for cell in bins] == pytest.approx(list(accuracy))
    assert [cell["confidence"] for cell in bins] == pytest.approx(list(confidence))
    assert sum(cell["rows"] for cell in bins) == len(truth)


def test_a_confidence_of_exactly_one_has_a_bin():
    (cell,) = reliability(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]), bins=10)
    assert cell == {"low": 0.9, "high": 1.0, "confidence": 1.0, "accuracy": 0.5, "rows": 2}


def test_unequal_lengths_and_no_rows_are_refused():
    with pytest.raises(ValueError, match="2 rows of scores and 3 true labels"):
        log_loss(np.ones((2, 2)) / 2, np.array([0, 1, 1]))
    with pytest.raises(EmptyDataError):
        fit_temperature(np.empty((0, 2)), np.array([], dtype=int))


@pytest.mark.parametrize("rows", [60, 3000])
def test_the_error_by_chance_is_that_of_a_calibrated_model(rows):
    rng = np.random.default_rng(rows)
    sure = rng.uniform(0.5, 1, rows)
    probabilities = np.column_stack([sure, 1 - sure])
    measured = [calibration_error(probabilities, (rng.random(rows) > sure).astype(int)) for _ in range(200)]
    expected = calibration_error_by_chance(probabilities)
    assert expected == pytest.approx(np.mean(measured), rel=0.1)
    assert (expected > 0.08) == (rows == 60)
