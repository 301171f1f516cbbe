"""The pretrained methods of pairs, on real pairs of questions and a real base made small."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from metier.errors import (
    CallError,
    DataError,
    MissingSideError,
    SettingsError,
    TooFewLabelsError,
    UnknownLabelError,
)
from metier.predictors import load_predictor
from metier.transformer.frozen.frozen_method import FrozenPair
from metier.transformer.tuned.bi_encoder import BiEncoder
from metier.transformer.tuned.encoder import CrossEncoder

PAIRS = Path(__file__).parents[3] / "examples" / "covid_faq" / "question_pairs.csv"
PAGE = "Where is my card? It has not arrived yet. " * 30  # 270 words.


@pytest.fixture(scope="module")
def pairs():
    """Pairs and labels by first question: three fifths to learn from, a fifth to choose on, a fifth unseen."""
    with PAIRS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    questions = sorted({row["question_1"] for row in rows})
    part = {
        question: ("unseen", "validation", "train", "train", "train")[n % 5]
        for n, question in enumerate(questions)
    }
    parts = {name: ([], []) for name in ("train", "validation", "unseen")}
    for row in rows:
        X, y = parts[part[row["question_1"]]]
        X.append({"text": row["question_1"], "text_pair": row["question_2"]})
        y.append(row["similar"])
    return parts


METHODS = {
    "frozen_pair.v1": lambda base: FrozenPair(base=str(base), precision="fp32"),
    "bi_encoder.v1": lambda base: BiEncoder(base=str(base), epochs=2, precision="fp32"),
    "cross_encoder.v1": lambda base: CrossEncoder(base=str(base), epochs=2, precision="fp32"),
}
# Trained on some two hundred pairs, an encoder that reads both texts at once knows next to nothing.
LEAST_RIGHT = {"frozen_pair.v1": 0.85, "bi_encoder.v1": 0.85, "cross_encoder.v1": 0.6}


@pytest.fixture(scope="module", params=sorted(METHODS))
def fitted(request, tiny_base, small_base, pairs):
    # Two epochs on the small base teach a bi-encoder too little.
    base = tiny_base if request.param == "bi_encoder.v1" else small_base
    return METHODS[request.param](base).fit(*pairs["train"], validation=pairs["validation"])


@pytest.fixture(scope="module")
def predictor(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    fitted.export(folder)
    return load_predictor(folder)


def test_learns_from_pairs(fitted, pairs):
    X, y = pairs["unseen"]
    probabilities = fitted.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert np.mean(fitted.predict(X) == np.array(y)) > LEAST_RIGHT[fitted.name]


def test_the_predictor_answers_alike(fitted, predictor, pairs):
    X, _ = pairs["unseen"]
    answers = predictor.predict(X)
    np.testing.assert_allclose(answers.probabilities, fitted.predict_proba(X), atol=1e-4)
    assert answers.labels == ("0", "1")
    assert set(answers.answered_by) == {fitted.name}
    alone = np.vstack([predictor.predict([pair]).probabilities for pair in X[:8]])
    np.testing.assert_allclose(alone, answers.probabilities[:8], atol=1e-4)
    assert len(predictor.predict([])) == 0


def test_of_a_long_text_every_page_counts(fitted, predictor):
    pairs = [
        {"text": PAGE * 4, "text_pair": "where is it"},
        {"text": "where is it", "text_pair": PAGE * 4},
        {"text": PAGE * 3, "text_pair": PAGE * 4 + "No."},
        {"text": PAGE * 3 + "Will masks stop the virus? " * 45, "text_pair": "where is it"},
    ]
    expected = fitted.predict_proba(pairs)
    np.testing.assert_allclose(predictor.predict(pairs).probabilities, expected, atol=1e-3)
    odds = np.log(expected[:, 1] / expected[:, 0])
    assert abs(odds[3] - odds[0]) > 1e-3  # Only its last page differs.


@pytest.mark.slow
def test_200_pages_are_answered(predictor):
    probabilities = predictor.predict([{"text": PAGE * 200, "text_pair": "where is it"}]).probabilities
    assert np.isfinite(probabilities).all()


def test_turned_round_two_vectors_answer_alike(fitted, predictor, pairs):
    if fitted.name == "cross_encoder.v1":
        pytest.skip("what reads both texts at once reads them in an order")
    X = pairs["unseen"][0][:20]
    turned = [{"text": pair["text_pair"], "text_pair": pair["text"]} for pair in X]
    np.testing.assert_array_equal(predictor.predict(turned).probabilities, predictor.predict(X).probabilities)
    np.testing.assert_array_equal(fitted.predict_proba(turned), fitted.predict_proba(X))


def test_choices_are_enough_for_a_refit(fitted, pairs):
    refitted = clone(fitted).set_params(**fitted.chosen_params_).fit(*pairs["train"])
    X, _ = pairs["unseen"]
    np.testing.assert_allclose(refitted.predict_proba(X), fitted.predict_proba(X), atol=0.06)
    again = {name: value for name, value in refitted.chosen_params_.items() if name != "precision"}
    assert json.loads(json.dumps(again)) == again


def test_odd_texts_are_answered(fitted, predictor):
    odd = ["😀" * 500, "我的卡还没有到", "\ud83d half", "[SEP] [CLS]", "."]
    pairs = [{"text": text, "text_pair": "my card"} for text in odd]
    expected = fitted.predict_proba(pairs)
    np.testing.assert_allclose(predictor.predict(pairs).probabilities, expected, atol=1e-4)


def test_what_is_wrong_is_said(fitted, predictor, pairs):
    X, y = pairs["train"]
    method = clone(fitted)
    with pytest.raises(MissingSideError, match="row 2"):
        method.fit([X[0], {"text": "only one"}, *X[2:]], y)
    with pytest.raises(MissingSideError, match="row 1"):
        predictor.predict([{"text": "a", "text_pair": " "}])
    with pytest.raises(TooFewLabelsError):
        method.fit(X, ["1"] * len(X))
    with pytest.raises(UnknownLabelError, match="maybe"):
        method.fit(X, y, validation=(X[:1], ["maybe"]))
    with pytest.raises(SettingsError, match="fp32"):
        clone(fitted).set_params(precision="fp8").fit(X, y)


class TestBiEncoder:
    def test_says_that_it_must_know_the_label_of_a_match(self, small_base, pairs):
        X, y = pairs["train"]
        letters = ["a" if label == "0" else "b" for label in y]
        with pytest.raises(DataError, match="match_label"):
            BiEncoder(base=str(small_base)).fit(X, letters)
        with pytest.raises(DataError, match="'c'"):
            BiEncoder(base=str(small_base), match_label="c").fit(X, letters)

    def test_without_validation_it_chooses_on_pairs_it_holds_out(self, small_base, pairs):
        X, y = pairs["unseen"]
        method = BiEncoder(base=str(small_base), epochs=1).fit(X, y)
        assert method.chosen_params_["stop_epoch"] == 1
        assert set(method.chosen_params_["head"]) == {"weight", "bias"}

    def test_matches_alone_bring_partners_nearer(self, small_base, pairs, tmp_path):
        matches = [pair for pair, label in zip(*pairs["train"], strict=True) if label == "1"]
        unseen = [pair for pair, label in zip(*pairs["unseen"], strict=True) if label == "1"]
        method = BiEncoder(base=str(small_base), epochs=2).fit_matches(matches, validation=unseen)

        def rank(vectors):
            one, other = (vectors([pair[side] for pair in unseen]) for side in ("text", "text_pair"))
            cosines = one @ other.T
            return (cosines > np.diagonal(cosines)[:, None]).sum(axis=1).mean()

        from metier.transformer.frozen.frozen_vectors import frozen_vectors

        assert rank(method.vectors) < rank(lambda texts: frozen_vectors(method.base_, texts))
        with pytest.raises(CallError, match="fit_matches"):
            method.predict(unseen)
        method.export(tmp_path)
        found = load_predictor(tmp_path)
        texts = [pair["text"] for pair in unseen]
        np.testing.assert_allclose(found.vectors(texts), method.vectors(texts), atol=1e-4)
        with pytest.raises(CallError, match="on matching pairs only"):
            found.predict(unseen)


@pytest.mark.parametrize("kind", [BiEncoder, CrossEncoder])
def test_what_an_epoch_costs_is_measured_on_pairs(kind, small_base, pairs):
    X, y = pairs["validation"]
    cost = kind(base=str(small_base), token_budget=256).measure(X, y, n_batches=1)
    assert 0 < cost.seconds_per_row < cost.seconds_per_epoch
