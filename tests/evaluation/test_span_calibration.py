import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import log_loss

from metier.evaluation.span_calibration import gather_spans, report_spans
from metier.tasks.answers.scored_spans import fit_calibration


def overconfident(spans, seed):
    """Draw spans with the true probability `chance`, and the overconfident one of a method."""
    rng = np.random.default_rng(seed)
    chance = rng.uniform(0.2, 0.98, spans)
    return expit(2.5 * logit(chance) + 0.7), rng.random(spans) < chance


def test_spans_are_correct_with_both_boundaries_and_label():
    truth = [[[0, 4, "Drug"], [8, 9, "Gene"]], [], [[3, 5, "Gene"]]]
    found = [
        [{"start": 0, "end": 4, "label": "Drug", "text": "pain", "probability": 0.9}, (8, 9, "Drug", 0.4)],
        [(1, 2, "Gene", 0.3)],
        [],
    ]
    probabilities, right = gather_spans(truth, found)
    assert probabilities.tolist() == [0.9, 0.4, 0.3]
    assert right.tolist() == [True, False, False]


def test_the_report_compares_confidence_and_precision():
    probabilities = np.array([0.95, 0.95, 0.55, 0.55])
    report = report_spans(probabilities, np.array([True, True, True, False]))
    assert (report.spans, report.confidence, report.precision) == (4, pytest.approx(0.75), 0.75)
    assert report.calibration_error == pytest.approx(0.05)
    assert report.log_loss == pytest.approx(log_loss([1, 1, 1, 0], probabilities))
    assert [cell["rows"] for cell in report.bins] == [2, 2]
    assert report.bins[1]["accuracy"] == 1


def test_calibrated_probabilities_have_almost_no_error():
    rng = np.random.default_rng(1)
    probabilities = rng.random(50_000)
    assert report_spans(probabilities, rng.random(50_000) < probabilities).calibration_error < 0.01


def test_the_fit_on_validation_calibrates_other_spans():
    claimed, right = overconfident(600, 2)
    calibration = fit_calibration(np.log(claimed), right)
    claimed, right = overconfident(5000, 3)
    mended = np.array([calibration.probability(float(value)) for value in np.log(claimed)])
    before, after = report_spans(claimed, right), report_spans(mended, right)
    assert before.calibration_error > 0.08
    assert after.calibration_error < 0.03
    assert after.log_loss < before.log_loss
    assert after.confidence == pytest.approx(after.precision, abs=0.03)


def test_no_spans_and_spans_without_probabilities():
    assert report_spans(*gather_spans([[[0, 1, "A"]]], [[]])).spans == 0
    with pytest.raises(ValueError, match="one probability for each span"):
        report_spans(np.array([0.1]), np.array([], dtype=bool))
