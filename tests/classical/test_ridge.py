"""Scores of texts and of pairs: better than the mean, the same from files, intervals that hold."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from metier.classical.learners import RidgeRegression, TrainingRows
from metier.classical.ridge import TfidfRidge
from metier.errors import BundleError, DataError, SettingsError
from metier.predictors.loading import load_predictor

PAIRS = Path(__file__).parents[2] / "examples" / "covid_faq" / "question_pairs.csv"


@pytest.fixture(scope="module")
def pairs():
    """Pairs of questions and whether they ask the same, shuffled: 320 to learn from, 168 unseen."""
    with PAIRS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    order = np.random.default_rng(0).permutation(len(rows))
    items = [{"text": rows[i]["question_1"], "text_pair": rows[i]["question_2"]} for i in order]
    scores = [float(rows[i]["similar"]) for i in order]
    return (items[:320], scores[:320]), (items[320:], scores[320:])


@pytest.fixture(scope="module")
def questions(pairs):
    """Single questions and how many words they have: a score that is in the text."""
    texts = [item["text"] for part in pairs for item in part[0]]
    scores = [float(len(text.split())) for text in texts]
    return (texts[:320], scores[:320]), (texts[320:], scores[320:])


@pytest.fixture(scope="module", params=["pairs", "questions"])
def parts(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def fitted(parts):
    return TfidfRidge().fit(*parts[0])


def test_it_orders_unseen_rows(fitted, parts):
    _, (items, truth) = parts
    predicted = fitted.predict(items)
    assert spearmanr(predicted, truth)[0] > 0.6
    error = np.abs(np.array(predicted) - truth).mean()
    assert error < 0.7 * np.abs(np.array(truth) - np.mean(truth)).mean()


def test_intervals_hold_on_unseen_rows(fitted, parts, tmp_path):
    _, (items, truth) = parts
    fitted.export(tmp_path)
    answers = load_predictor(tmp_path).predict(items)
    low, high = ([answers.record(row)[end] for row in range(len(items))] for end in ("low", "high"))
    held = np.mean((np.array(low) <= truth) & (truth <= np.array(high)))
    # Three standard errors of 168 rows.
    assert held > 0.9 - 0.07
    assert np.mean(np.array(high) - low) < 1.5 * np.ptp(truth)


def test_exported_then_loaded_answers_alike(fitted, parts, tmp_path):
    _, (items, _) = parts
    fitted.export(tmp_path)
    answers = load_predictor(tmp_path).predict(items)
    np.testing.assert_allclose(answers.predicted, fitted.predict(items), rtol=1e-5, atol=1e-5)
    assert set(answers.record(0)) == {"score", "low", "high", "answered_by"}
    assert len(load_predictor(tmp_path).predict([])) == 0


def test_what_was_chosen_makes_a_refit_need_no_validation(fitted, parts):
    train, unseen = parts
    settled = clone(fitted).set_params(**fitted.chosen_params_).fit(*train)
    assert settled.chosen_params_ == fitted.chosen_params_
    np.testing.assert_allclose(settled.predict(unseen[0]), fitted.predict(unseen[0]), atol=1e-6)


def test_validation_rows_choose_and_are_not_trained_on(parts):
    train, (items, truth) = parts
    wrong = [100.0 - score for score in truth]
    method = TfidfRidge().fit(*train, validation=(items, wrong))
    assert method.facts_["held_out_rows"] == len(items)
    assert method.chosen_params_["half_width"] > 50
    assert np.abs(np.array(method.predict(items)) - truth).mean() < 50


def test_dense_numbers_are_scaled_before_they_are_penalised():
    random = np.random.default_rng(0)
    x = random.normal(size=(100, 4)) * [1, 100, 0.01, 0] + 5
    y = x @ [1, 0.01, 100, 0] + random.normal(size=100)
    ours = RidgeRegression().train(TrainingRows(x, y, n_logits=1), {"alpha": 3.0})
    scaled = (x[:, :3] - x[:, :3].mean(axis=0)) / x[:, :3].std(axis=0)
    np.testing.assert_allclose(ours.logits(x)[:, 0], Ridge(alpha=3.0).fit(scaled, y).predict(scaled), atol=1e-6)


def test_two_hundred_pages_are_answered(fitted, parts):
    long = "how does the virus spread from person to person? " * 9_000
    item = long if isinstance(parts[0][0][0], str) else {"text": long, "text_pair": "how does it spread?"}
    assert np.isfinite(fitted.predict([item])).all()


def test_three_rows_promise_nothing():
    method = TfidfRidge().fit(["one", "two", "three"], [1.0, 2.0, 3.0])
    assert method.chosen_params_["half_width"] == 2.0


def test_faults_are_told(parts):
    with pytest.raises(SettingsError) as caught:
        TfidfRidge(alpha=0, half_width=-1, coverage=1, most_ngrams=0).fit(*parts[0])
    assert str(caught.value).count("\n  - ") == 4
    with pytest.raises(DataError, match="row 2 has nan"):
        TfidfRidge().fit(["a", "b"], [1.0, float("nan")])
    with pytest.raises(NotFittedError):
        TfidfRidge().predict(["a"])


def test_a_broken_bundle_is_refused(fitted, tmp_path):
    fitted.export(tmp_path)
    path = tmp_path / "predictor.json"
    path.write_text(path.read_text(encoding="utf-8").replace("half_width", "wide"), encoding="utf-8")
    with pytest.raises(BundleError):
        load_predictor(tmp_path)
