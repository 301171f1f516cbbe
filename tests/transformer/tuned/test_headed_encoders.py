"""Encoders whose margins are sets of labels, scores or grades: what they share, on a real base made small."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from metier.errors import DataError, SettingsError, TooFewLabelsError
from metier.evaluation.row_measures import measure
from metier.predictors.loading import load_predictor
from metier.transformer.frozen.frozen_method import FrozenManyLabels, FrozenRidge
from metier.transformer.tuned.corn_encoder import CornEncoder
from metier.transformer.tuned.many_labels_encoder import ManyLabelsEncoder
from metier.transformer.tuned.score_encoder import ScoreEncoder

EXAMPLES = Path(__file__).parents[3] / "examples"
LONG = "I would like to find a one way flight from Vegas to Toronto. " * 60
FROZEN = ("frozen_many_labels", "frozen_ridge", "frozen_ridge_of_texts")
KINDS = (*FROZEN, "many_labels_encoder", "score_encoder", "score_encoder_of_pairs", "corn_encoder")


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cut(items, targets, *, unseen=40, most=170):
    order = np.random.default_rng(0).permutation(len(items))[:most]
    picked = [items[i] for i in order], [targets[i] for i in order]
    return tuple(
        (picked[0][part], picked[1][part])
        for part in (slice(2 * unseen, None), slice(unseen, 2 * unseen), slice(unseen))
    )


def acts():
    """Turns of users and the slots they name, as a tree, of the labels that are frequent enough to be learned."""
    with (EXAMPLES / "sgd_dialogues" / "acts" / "train.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    wanted = {"inform:origin", "inform:destination", "inform:departure_date"}
    sets = [[label.replace(":", "/") for label in row["labels"] if label in wanted] for row in rows]
    sets = [["inform", *own] if own else own for own in sets]
    # One row without these labels for each row with some.
    has_some = [place for place, own in enumerate(sets) if own][:130]
    has_none = [place for place, own in enumerate(sets) if not own][: len(has_some)]
    picked = [*has_some, *has_none]
    return cut([rows[place]["text"] for place in picked], [sets[place] for place in picked], most=len(picked))


def news():
    rows = read_csv(EXAMPLES / "twitter_financial_news" / "train.csv")
    return cut([row["text"] for row in rows], [row["label"] for row in rows])


def pairs():
    rows = read_csv(EXAMPLES / "covid_faq" / "question_pairs.csv")
    items = [{"text": row["question_1"], "text_pair": row["question_2"]} for row in rows]
    return cut(items, [float(row["similar"]) for row in rows])


def lengths():
    (one, _), (two, _), (three, _) = pairs()
    return tuple(
        ([item["text"] for item in part], [10.0 * len(item["text"].split()) for item in part])
        for part in (one, two, three)
    )


ROWS = {
    "frozen_many_labels": acts,
    "many_labels_encoder": acts,
    "frozen_ridge": pairs,
    "frozen_ridge_of_texts": lengths,
    "score_encoder": lengths,
    "score_encoder_of_pairs": pairs,
    "corn_encoder": news,
}


def build(kind, base, **settings):
    if kind in FROZEN:
        method = FrozenManyLabels if kind == "frozen_many_labels" else FrozenRidge
        return method(base=str(base), **{"precision": "fp32"} | settings)
    method = {"many_labels_encoder": ManyLabelsEncoder, "corn_encoder": CornEncoder}.get(kind, ScoreEncoder)
    return method(base=str(base), **{"epochs": 2, "token_budget": 512, "precision": "fp32"} | settings)


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def parts(kind):
    return ROWS[kind]()


@pytest.fixture(scope="module")
def base(kind, tiny_base, small_base):
    """The small base, but where two epochs teach it too little the one with all words and units."""
    return tiny_base if kind in ("corn_encoder", "score_encoder_of_pairs") else small_base


@pytest.fixture(scope="module")
def fitted(kind, base, parts):
    return build(kind, base).fit(*parts[0], validation=parts[1])


@pytest.fixture(scope="module")
def exported(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    fitted.export(folder)
    return folder


def numbers(method, items):
    """What a method says of items, before it decides."""
    return method.predict_proba(items) if hasattr(method, "predict_proba") else np.array(method.predict(items))


def long_item(parts):
    return LONG if isinstance(parts[0][0][0], str) else {"text": LONG, "text_pair": "how long is it?"}


def test_it_learned_something(fitted, kind, parts):
    items, truth = parts[2]
    predicted = fitted.predict(items)
    if "labels" in kind:
        assert measure("set_micro_f1", truth, predicted) > 0.65
    elif kind == "corn_encoder":
        assert (
            np.mean(predicted == np.array(truth))
            >= max(truth.count(grade) for grade in truth) / len(truth) - 0.1
        )
        assert len(set(predicted)) > 1
    else:
        assert spearmanr(predicted, truth)[0] > 0.4


def test_exported_then_loaded_answers_alike(fitted, exported, parts):
    items = [*parts[2][0][:12], long_item(parts)]
    answers = load_predictor(exported).predict(items)
    given = getattr(answers, "probabilities", None)
    expected = numbers(fitted, items)
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(
        np.array(answers.predicted) if given is None else given, expected, atol=2e-4 * scale
    )
    assert answers.answered_by == (fitted.name,) * len(items)
    assert json.loads((exported / "predictor.json").read_text(encoding="utf-8"))["name"] == fitted.name
    assert len(load_predictor(exported).predict([])) == 0


def test_one_item_and_many_are_answered_alike(exported, parts):
    predictor, items = load_predictor(exported), [*parts[2][0][:4], long_item(parts)]
    together = predictor.predict(items)
    alone = [predictor.predict([item]) for item in items]
    if hasattr(together, "probabilities"):
        one_by_one = np.concatenate([answers.probabilities for answers in alone])
        np.testing.assert_allclose(one_by_one, together.probabilities, atol=1e-4)
    else:
        np.testing.assert_allclose([a.predicted[0] for a in alone], together.predicted, rtol=1e-4, atol=1e-4)


def test_the_readme_gives_the_same_logits_in_plain_transformers(exported, parts, monkeypatch, capsys):
    monkeypatch.chdir(exported)
    code = re.search(r"```python\n(.*?)```", (exported / "huggingface" / "README.md").read_text("utf-8"), re.S)[
        1
    ]
    names = {}
    exec(code, names)
    texts = names["texts"]
    is_compared = json.loads((exported / "predictor.json").read_text("utf-8"))["reading"] == "compared"
    expected = load_predictor(exported).logits([tuple(texts)] if is_compared else texts)
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(names["logits"], expected, atol=2e-4 * scale)
    assert "tensor" in capsys.readouterr().out


def test_what_was_chosen_makes_a_refit_need_no_validation(fitted, parts):
    settings = {name: value for name, value in fitted.chosen_params_.items() if name != "precision"}
    again = clone(fitted).set_params(**settings).fit(*parts[0])
    assert {name: again.chosen_params_[name] for name in settings} == settings
    expected = numbers(fitted, parts[2][0])
    np.testing.assert_allclose(
        numbers(again, parts[2][0]), expected, atol=5e-3 * max(1.0, np.abs(expected).max())
    )


def test_without_validation_it_holds_rows_out(kind, small_base, parts):
    settings = {} if kind in FROZEN else {"epochs": 1}
    method = build(kind, small_base, **settings).fit(*parts[0])
    assert set(method.chosen_params_) >= {"base"}
    assert np.isfinite(numbers(method, parts[2][0])).all()
    if "labels" in kind:
        assert method.chosen_params_["rule"].keys() == set(method.classes_)
    if "score" in kind or "ridge" in kind:
        assert 0 < method.chosen_params_["half_width"] < np.ptp(parts[0][1]) * 2


def test_faults_are_told(kind, small_base, parts):
    items, targets = parts[0]
    with pytest.raises(SettingsError, match="precision"):
        build(kind, small_base, precision="bf8").fit(items, targets)
    with pytest.raises(ValueError, match="found"):
        build(kind, small_base).fit(items, targets[:-1])
    with pytest.raises((TooFewLabelsError, DataError)):
        build(kind, small_base).fit(items[:2], [targets[0], targets[0]])
    with pytest.raises(NotFittedError):
        build(kind, small_base).predict(items[:2])


@pytest.fixture(scope="module")
def encoder(small_base):
    train, validation, _ = acts()
    return build("many_labels_encoder", small_base, epochs=1).fit(*train, validation=validation)


class TestManyLabels:
    def test_sets_are_consistent_and_may_be_empty(self, encoder):
        predicted = encoder.predict([*acts()[2][0], "Thanks, bye."])
        assert [] in predicted
        assert all("inform" in own for own in predicted if own)
        assert encoder.classes_.tolist()[0] == "inform"

    def test_thresholds_are_in_the_bundle(self, encoder, tmp_path):
        encoder.export(tmp_path)
        settings = json.loads((tmp_path / "predictor.json").read_text(encoding="utf-8"))
        assert settings["thresholds"] == [
            encoder.chosen_params_["rule"][label][2] for label in encoder.classes_
        ]
        assert load_predictor(tmp_path).predict(["Thanks, bye."]).record(0)["none"]

    def test_what_training_costs_is_measured_before(self, encoder):
        texts = acts()[0][0][:80]
        cost = encoder.measure(texts)
        assert cost.seconds_per_epoch == pytest.approx(cost.seconds_per_row * len(texts))


def test_scores_keep_their_unit_and_intervals_hold(small_base, tmp_path):
    (items, scores), _, (unseen, truth) = pairs()
    shifted = build("frozen_ridge", small_base).fit(items, [1000.0 + 500.0 * score for score in scores])
    plain = build("frozen_ridge", small_base).fit(items, scores)
    np.testing.assert_allclose(shifted.predict(unseen), 1000 + 500 * np.array(plain.predict(unseen)), rtol=1e-4)
    plain.export(tmp_path)
    answers = load_predictor(tmp_path).predict(unseen)
    held = [
        record["low"] <= true <= record["high"] for record, true in zip(answers.records, truth, strict=True)
    ]
    assert np.mean(held) > 0.9 - 0.15  # Three standard errors of forty rows.


def test_a_pair_is_answered_as_it_is_turned_around(small_base):
    (items, scores), _, (unseen, _) = pairs()
    method = build("frozen_ridge", small_base).fit(items, scores)
    turned = [{"text": item["text_pair"], "text_pair": item["text"]} for item in unseen]
    np.testing.assert_allclose(method.predict(turned), method.predict(unseen), atol=1e-5)


@pytest.mark.slow
def test_two_hundred_pages_are_read_in_windows(small_base, tmp_path):
    (texts, scores), _, _ = lengths()
    method = build("frozen_ridge_of_texts", small_base).fit(texts, scores)
    method.export(tmp_path)
    pages = LONG * 110
    assert len(pages) > 400_000
    (answer,) = load_predictor(tmp_path).predict([pages]).predicted
    assert np.isfinite(answer)


def test_the_faster_precision_has_to_prove_itself(small_base, tmp_path):
    train, validation, _ = acts()
    method = (
        build("frozen_many_labels", small_base).set_params(precision="auto").fit(*train, validation=validation)
    )
    method.export(tmp_path)
    assert method.facts_["export"]["rows"] == len(validation[0])
    assert method.chosen_params_["precision"] in ("fp32", "int8")
