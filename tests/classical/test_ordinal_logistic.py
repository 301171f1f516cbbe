"""Grades of financial headlines: an order in the answers, the same from files, better than the most frequent grade."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import cohen_kappa_score

from metier.classical.grade_steps import GradeSteps
from metier.classical.learners import TrainingRows
from metier.classical.ordinal_logistic import OrdinalLogistic
from metier.errors import DataError, SettingsError
from metier.evaluation.calibration import calibration_error
from metier.predictors.loading import load_predictor
from metier.tasks.answers.grade import from_cumulative

NEWS = Path(__file__).parents[2] / "examples" / "twitter_financial_news"
ORDER = ["bearish", "neutral", "bullish"]


def read(name):
    with (NEWS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


@pytest.fixture(scope="module")
def fitted():
    return OrdinalLogistic(C=30.0).fit(*read("train"))


def test_it_beats_the_most_frequent_grade(fitted):
    texts, truth = read("test")
    predicted = fitted.predict(texts)
    assert fitted.classes_.tolist() == ORDER
    assert np.mean(predicted == np.array(truth)) > 0.7
    assert cohen_kappa_score(truth, predicted, labels=ORDER, weights="quadratic") > 0.15


def test_probabilities_are_calibrated(fitted):
    texts, truth = read("test")
    probabilities = fitted.predict_proba(texts)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    places = np.array([ORDER.index(grade) for grade in truth])
    assert calibration_error(probabilities, places) < 0.1


@pytest.mark.parametrize("model", ["shared", "separate"])
def test_an_order_in_the_rows_is_found(model):
    random = np.random.default_rng(0)
    x = random.normal(size=(600, 3))
    grades = np.digitize(x @ [2.0, -1.0, 0.0] + random.logistic(size=600), [-2.0, 0.5, 2.0])
    steps = GradeSteps().train(TrainingRows(csr_matrix(x), grades, n_logits=3), {"model": model, "C": 100.0})
    logits = steps.logits(csr_matrix(x))
    assert logits.shape == (600, 3)
    np.testing.assert_allclose(steps.weights, np.tile([[2.0], [-1.0], [0.0]], 3), atol=0.6)
    np.testing.assert_allclose(steps.bias, [2.0, -0.5, -2.0], atol=0.5)
    if model == "shared":
        assert np.ptp(steps.weights, axis=1).max() == 0
        # Being above a higher grade is never likelier, so no probability had to be corrected.
        assert (np.diff(logits, axis=1) <= 0).all()


def test_a_grade_that_no_training_row_of_a_part_has_is_unlikely():
    x = csr_matrix(np.eye(4))
    setting = {"model": "separate", "C": 1.0}
    steps = GradeSteps().train(TrainingRows(x, np.array([0, 1, 1, 0]), n_logits=2), setting)
    probabilities = from_cumulative(steps.logits(x))
    assert (probabilities[:, 2] < 1e-4).all()


def test_exported_then_loaded_answers_alike(fitted, tmp_path):
    texts = [*read("test")[0][:60], "", "📉", "profit warning " * 3_000]
    fitted.export(tmp_path)
    answers = load_predictor(tmp_path).predict(texts)
    assert answers.labels == tuple(ORDER)
    np.testing.assert_allclose(answers.probabilities, fitted.predict_proba(texts), atol=1e-6)
    assert answers.predicted == fitted.predict(texts).tolist()


def test_what_was_chosen_makes_a_refit_need_no_validation(fitted):
    settled = clone(fitted).set_params(**fitted.chosen_params_).fit(*read("train"))
    assert settled.facts_ == {}
    np.testing.assert_allclose(settled.predict_proba(["up"]), fitted.predict_proba(["up"]), atol=1e-6)


def test_a_stated_order_turns_the_columns():
    texts, grades = (part[:120] for part in read("train"))
    fixed = {"model": "separate", "C": 3.0, "temperature": 1.0}
    method = OrdinalLogistic(order=ORDER[::-1], **fixed).fit(texts, grades)
    assert method.classes_.tolist() == ORDER[::-1]
    upright = OrdinalLogistic(**fixed).fit(texts, grades)
    np.testing.assert_allclose(
        method.predict_proba(texts)[:, ::-1].argmax(axis=1), upright.predict_proba(texts).argmax(axis=1)
    )


def test_grades_as_numbers_and_one_row_a_grade_can_be_learned():
    method = OrdinalLogistic().fit(["bad", "fine", "great"], [1, 2, 10])
    assert method.classes_.tolist() == ["1", "2", "10"]
    assert method.predict_proba(["great"]).shape == (1, 3)


def test_two_hundred_pages_are_answered(fitted):
    assert fitted.predict(["shares fall after the profit warning. " * 12_000]).tolist()[0] in ORDER


def test_faults_are_told():
    with pytest.raises(DataError, match="--order"):
        OrdinalLogistic().fit(["a", "b"], ["red", "green"])
    with pytest.raises(SettingsError) as caught:
        OrdinalLogistic(model="tree", C=0, temperature=-1, most_ngrams=0).fit(["a", "b"], ["low", "high"])
    assert str(caught.value).count("\n  - ") == 4
    with pytest.raises(NotFittedError):
        OrdinalLogistic().predict(["a"])
