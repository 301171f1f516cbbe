"""A linear model a label on real dialogue acts: better than the baseline, calibrated, consistent, the same from files."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from metier.classical.baselines import LabelFrequencies
from metier.classical.many_labels_linear import ManyLabelsLinear
from metier.errors import BundleError, SettingsError, TooFewLabelsError
from metier.evaluation.row_measures import measure
from metier.predictors.loading import load_predictor

ACTS = Path(__file__).parents[2] / "examples" / "sgd_dialogues" / "acts"
QUICK = {"model": "svc", "C": 1.0}
# Slots and intents are flat in the file; told as a tree they are the same rows with parents.
LONG = "I would like to find a one way flight from Vegas to Toronto on the 13th of March. " * 6_000


def read(name):
    with (ACTS / f"{name}.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [row["text"] for row in rows], [row["labels"] for row in rows]


def as_tree(sets):
    return [[label.replace(":", "/") for label in own] for own in sets]


@pytest.fixture(scope="module")
def fitted():
    return ManyLabelsLinear(**QUICK).fit(*read("train"), validation=read("dev"))


@pytest.fixture(scope="module")
def tree():
    texts, sets = read("train")
    return ManyLabelsLinear(**QUICK).fit(texts[:600], as_tree(sets[:600]))


def test_it_beats_the_floor_by_far(fitted):
    texts, truth = read("test")
    baseline = LabelFrequencies().fit(*read("train"))
    assert measure("set_micro_f1", truth, baseline.predict(texts)) < 0.1
    assert measure("set_micro_f1", truth, fitted.predict(texts)) > 0.7
    assert baseline.facts_["none_fraction"] == pytest.approx(np.mean([not own for own in read("train")[1]]))


def test_thresholds_pay_on_rows_that_were_not_used_to_choose_them(fitted):
    texts, truth = read("test")
    fixed = {label: [*numbers[:2], 0.5] for label, numbers in fitted.chosen_params_["rule"].items()}
    middling = clone(fitted).set_params(rule=fixed).fit(*read("train"))
    tuned = measure("set_micro_f1", truth, fitted.predict(texts))
    assert tuned > measure("set_micro_f1", truth, middling.predict(texts))


def test_none_is_an_answer(fitted):
    texts, truth = read("test")
    answers = fitted.predictor_.predict(texts)
    empty = [row for row, own in enumerate(truth) if not own]
    said = [row for row in empty if answers.record(row)["none"]]
    assert len(said) > 0.7 * len(empty)
    assert answers.predicted[said[0]] == []


def test_probabilities_mean_what_they_say(fitted):
    texts, truth = read("test")
    column = {label: place for place, label in enumerate(fitted.classes_)}
    is_true = np.zeros((len(texts), len(column)), dtype=bool)
    for row, own in enumerate(truth):
        is_true[row, [column[label] for label in own]] = True
    given = fitted.predict_proba(texts)
    assert given.sum() == pytest.approx(is_true.sum(), rel=0.2)
    assert is_true[given > 0.9].mean() > 0.85
    assert is_true[given < 0.05].mean() < 0.02


def test_a_tree_of_labels_is_answered_consistently(tree):
    texts, _ = read("test")
    assert {"inform", "intent", "request"} <= set(tree.classes_)
    for own in tree.predict(texts):
        assert {label.partition("/")[0] for label in own} <= set(own)
    given = tree.predict_proba(texts)
    place = {label: column for column, label in enumerate(tree.classes_)}
    for label, column in place.items():
        if "/" in label:
            assert (given[:, column] <= given[:, place[label.partition("/")[0]]]).all()


@pytest.mark.parametrize("which", ["fitted", "tree"])
def test_exported_then_loaded_answers_alike(which, request, tmp_path):
    method = request.getfixturevalue(which)
    texts = [*read("test")[0][:50], "", "我的航班", LONG[:5_000]]
    method.export(tmp_path)
    predictor = load_predictor(tmp_path)
    answers = predictor.predict(texts)
    np.testing.assert_allclose(answers.probabilities, method.predict_proba(texts), atol=1e-6)
    assert answers.predicted == method.predict(texts)
    settings = json.loads((tmp_path / "predictor.json").read_text(encoding="utf-8"))
    assert settings["thresholds"] == [method.chosen_params_["rule"][label][2] for label in method.classes_]
    assert len(predictor.predict([])) == 0


def test_the_floor_answers_from_files(tmp_path):
    baseline = LabelFrequencies().fit(["a", "b", "c"], [["x"], ["x", "y"], []])
    baseline.export(tmp_path)
    answers = load_predictor(tmp_path).predict(["whatever", ""])
    assert answers.predicted == baseline.predict(["d", "e"]) == [["x"], ["x"]]
    np.testing.assert_allclose(answers.probabilities, [[2 / 3, 1 / 3]] * 2)


def test_a_bundle_without_thresholds_is_refused(tree, tmp_path):
    tree.export(tmp_path)
    path = tmp_path / "predictor.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(settings | {"thresholds": settings["thresholds"][1:]}), encoding="utf-8")
    with pytest.raises(
        BundleError, match=r"not hold a complete linear predictor.*39 labels have 39, 39, 38 numbers"
    ):
        load_predictor(tmp_path)


def test_what_was_chosen_makes_a_refit_need_no_validation(fitted):
    settled = clone(fitted).set_params(**fitted.chosen_params_).fit(*read("train"))
    assert settled.trials_ == []
    assert settled.chosen_params_ == fitted.chosen_params_
    assert settled.predict(read("test")[0]) == fitted.predict(read("test")[0])


def test_two_hundred_pages_are_answered(fitted):
    assert len(LONG) > 400_000
    (own,) = fitted.predict([LONG])
    assert {"inform:origin", "inform:destination"} & set(own)


def test_a_handful_of_rows_can_be_learned():
    method = ManyLabelsLinear().fit(
        ["a bus", "a flight", "both bus and flight"], [["bus"], ["flight"], ["bus", "flight"]]
    )
    assert method.predict_proba(["a bus"]).shape == (1, 2)


def test_faults_are_told():
    with pytest.raises(SettingsError) as caught:
        ManyLabelsLinear(model="tree", C=-1, most_ngrams=0).fit(["a"], [["x"]])
    assert str(caught.value).count("\n  - ") == 3
    with pytest.raises(TooFewLabelsError):
        ManyLabelsLinear().fit(["a", "b"], [[], []])
    with pytest.raises(NotFittedError):
        ManyLabelsLinear().predict(["a"])
