"""Counting what pairs share, on real pairs of questions."""

import csv
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from metier.classical.pair_linear import PairLinear
from metier.errors import BundleError, MissingSideError, SettingsError, TooFewLabelsError
from metier.predictors import load_predictor

PAIRS = Path(__file__).parents[2] / "examples" / "covid_faq" / "question_pairs.csv"


@pytest.fixture(scope="module")
def pairs():
    """Pairs and labels by first question: those of four in five to learn from, the rest unseen."""
    with PAIRS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    away = set(sorted({row["question_1"] for row in rows})[::5])
    parts = {"train": ([], []), "unseen": ([], [])}
    for row in rows:
        X, y = parts["unseen" if row["question_1"] in away else "train"]
        X.append({"text": row["question_1"], "text_pair": row["question_2"]})
        y.append(row["similar"])
    return parts


@pytest.fixture(scope="module")
def fitted(pairs):
    return PairLinear().fit(*pairs["train"])


def test_learns_and_is_calibrated(fitted, pairs):
    X, y = pairs["unseen"]
    probabilities = fitted.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    right = fitted.predict(X) == np.array(y)
    assert right.mean() > 0.8
    assert abs(probabilities.max(axis=1).mean() - right.mean()) < 0.1


def test_the_predictor_answers_alike(fitted, pairs, tmp_path):
    fitted.export(tmp_path)
    predictor = load_predictor(tmp_path)
    X, _ = pairs["unseen"]
    answers = predictor.predict(X)
    np.testing.assert_array_equal(answers.probabilities, fitted.predict_proba(X))
    assert answers.labels == ("0", "1")
    assert set(answers.answered_by) == {"pair_linear.v1"}
    assert len(predictor.predict([])) == 0
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: predictor.predict(X).probabilities, range(4)):
            np.testing.assert_array_equal(found, answers.probabilities)


def test_choices_are_enough_for_a_refit(fitted, pairs):
    again = clone(fitted).set_params(**fitted.chosen_params_).fit(*pairs["train"])
    X, _ = pairs["unseen"]
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


def test_chooses_on_validation_where_it_is_given(pairs):
    method = PairLinear().fit(*pairs["train"], validation=pairs["unseen"])
    assert (
        method.chosen_params_["temperature"] != PairLinear().fit(*pairs["train"]).chosen_params_["temperature"]
    )


def test_cross_fitting_keeps_probabilities_honest(fitted, pairs):
    """Counted with a vocabulary that has seen them, training pairs would look unlike unseen ones."""
    X, y = pairs["unseen"]
    truth = np.array(y) == "1"
    given = np.where(truth, fitted.predict_proba(X)[:, 1], fitted.predict_proba(X)[:, 0])
    assert -np.log(given).mean() < 0.45


@pytest.mark.serial
def test_a_pair_of_200_pages_is_answered_soon(fitted):
    page = "Where is my card? It has not arrived. " * 75
    book = {"text": page * 200, "text_pair": page * 200 + " Why?"}
    start = time.perf_counter()
    probabilities = fitted.predict_proba([book, book])
    assert np.isfinite(probabilities).all()
    assert time.perf_counter() - start < 30


def test_three_labels(pairs):
    X, y = pairs["train"]
    three = [("2" if number % 5 == 0 else label) for number, label in enumerate(y)]
    method = PairLinear().fit(X, three)
    assert method.predict_proba(X[:7]).shape == (7, 3)


def test_what_is_wrong_is_said(pairs, fitted, tmp_path):
    X, y = pairs["train"]
    with pytest.raises(MissingSideError, match="row 2"):
        PairLinear().fit([X[0], X[1] | {"text_pair": ""}, *X[2:]], y)
    with pytest.raises(MissingSideError, match="row 1"):
        fitted.predict([{"text": "only one"}])
    with pytest.raises(TooFewLabelsError):
        PairLinear().fit(X, ["1"] * len(X))
    with pytest.raises(SettingsError, match=r"C is -1.*\n.*temperature is 0"):
        PairLinear(C=-1, temperature=0).fit(X, y)
    fitted.export(tmp_path)
    (tmp_path / "weights.safetensors").unlink()
    with pytest.raises(BundleError, match="not hold a complete linear predictor"):
        load_predictor(tmp_path)
