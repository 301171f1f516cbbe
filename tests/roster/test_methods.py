"""What every method of the catalogue keeps, whatever it does inside."""

import copy
import inspect
import json
import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score

from metier import catalogue
from metier.bundles import ManifestFacts, load_bundle, seal, write_card
from metier.bundles.safety import check_is_data, walk_files
from metier.errors import EmptyDataError, MetierError, TooFewLabelsError
from metier.predictors import load_predictor
from metier.predictors.loading import read_settings

# Arithmetic in another order, or float32 instead of float64 inside an ONNX graph.
TOLERANCE = {"encoder.v1": 1e-4, "frozen_linear.v1": 1e-4}
ODD_TEXTS = [
    "",
    "   ",
    "😀" * 500,
    "card " * 2_000,
    "我的卡还没有到",
    "Où est ma carte ?",
    "\ud83d half",
    "\x00\t\n",
]


def test_is_called_by_its_catalogue_name(build, method_name):
    assert build().name == method_name


def test_beats_the_majority_on_unseen_texts(fitted, complaints, method_name):
    _, unseen = complaints
    predicted = fitted.classes_[fitted.predict_proba(unseen.texts).argmax(axis=1)]
    right = np.mean(predicted == np.array(unseen.labels))
    if catalogue.capabilities(method_name).is_baseline:
        assert right == pytest.approx(unseen.majority_fraction)
    else:
        assert right > unseen.majority_fraction + 0.3


def test_rows_sum_to_one_and_columns_follow_the_classes(fitted, complaints):
    train, unseen = complaints
    probabilities = fitted.predict_proba(unseen.texts)
    assert probabilities.shape == (len(unseen.texts), len(set(train.labels)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert (probabilities >= 0).all()
    assert fitted.classes_.tolist() == sorted(set(train.labels))
    assert fitted.predict(unseen.texts).tolist() == fitted.classes_[probabilities.argmax(axis=1)].tolist()


def test_inputs_and_settings_are_left_as_they_were(build, complaints):
    train, _ = complaints
    texts, labels = list(train.texts[:20]), list(train.labels[:20])
    method = build()
    before = copy.deepcopy(method.get_params(deep=False))
    method.fit(texts, labels)
    method.predict_proba(texts)
    assert texts == train.texts[:20]
    assert labels == train.labels[:20]
    after = method.get_params(deep=False)
    assert repr(after) == repr(before)
    assert after.keys() == before.keys()


def test_the_same_seed_gives_the_same_answers_and_a_second_fit_forgets_the_first(refitted, fitted, complaints):
    _, unseen = complaints
    assert refitted.classes_.tolist() == fitted.classes_.tolist()
    again, once = refitted.predict_proba(unseen.texts), fitted.predict_proba(unseen.texts)
    np.testing.assert_allclose(again, once, atol=1e-6)


def test_exported_then_loaded_answers_alike(fitted, exported, complaints, method_name):
    _, unseen = complaints
    answers = load_predictor(exported).predict(unseen.texts)
    expected = fitted.predict_proba(unseen.texts)
    np.testing.assert_allclose(answers.probabilities, expected, atol=TOLERANCE.get(method_name, 1e-6))
    assert answers.labels == tuple(fitted.classes_)
    assert len(answers.answered_by) == len(unseen.texts)


def test_what_it_exports_is_data_and_says_what_it_is(exported, method_name, fitted):
    for path in walk_files(exported):
        check_is_data(path)
    settings = json.loads((exported / "predictor.json").read_text(encoding="utf-8"))
    assert settings["name"] == method_name
    assert settings["labels"] == list(fitted.classes_)


def test_one_text_and_many_are_answered_alike(exported, complaints, method_name):
    _, unseen = complaints
    predictor = load_predictor(exported)
    together = predictor.predict(unseen.texts[:12]).probabilities
    alone = np.vstack([predictor.predict([text]).probabilities for text in unseen.texts[:12]])
    np.testing.assert_allclose(alone, together, atol=TOLERANCE.get(method_name, 1e-6))


@pytest.mark.parametrize("text", ODD_TEXTS, ids=[ascii(text[:8]) for text in ODD_TEXTS])
def test_odd_texts_are_answered(fitted, exported, text, method_name):
    expected = fitted.predict_proba([text, "my card"])
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-6)
    answered = load_predictor(exported).predict([text, "my card"]).probabilities
    np.testing.assert_allclose(answered, expected, atol=TOLERANCE.get(method_name, 1e-6))


def test_odd_texts_can_be_learned(build):
    texts = ODD_TEXTS + ["my card is lost", "what is the rate"] * 4
    method = build().fit(texts, ["odd"] * len(ODD_TEXTS) + ["card", "rate"] * 4)
    probabilities = method.predict_proba(texts)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert method.classes_.tolist() == ["card", "odd", "rate"]


def test_one_label_only_is_refused(build):
    with pytest.raises(TooFewLabelsError, match="at least two labels") as caught:
        build().fit(["a card", "a rate", "a pin"], ["same", "same", "same"])
    assert isinstance(caught.value, MetierError)


def test_what_is_wrong_with_the_rows_is_said(build, fitted):
    with pytest.raises(ValueError, match="2 texts and 3 labels"):
        build().fit(["a", "b"], ["x", "y", "x"])
    with pytest.raises(EmptyDataError):
        build().fit([], [])
    with pytest.raises(TypeError, match="position 1"):
        build().fit(["a", None], ["x", "y"])
    with pytest.raises(TypeError, match="Put it in a list"):
        fitted.predict("a text")
    with pytest.raises(EmptyDataError):
        fitted.predict_proba([])


def test_asked_before_it_is_fitted_it_says_so(build, tmp_path):
    method = build()
    for ask in (method.predict, method.predict_proba):
        with pytest.raises(NotFittedError):
            ask(["a text"])
    with pytest.raises(NotFittedError):
        method.export(tmp_path)


def test_parameters_are_keyword_only_and_survive_a_clone(build):
    method = build()
    parameters = inspect.signature(type(method).__init__).parameters.values()
    named = [
        one
        for one in parameters
        if one.name != "self" and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    assert all(one.kind is one.KEYWORD_ONLY for one in named)
    assert {one.name for one in named} == method.get_params(deep=False).keys()
    assert repr(clone(method).get_params()) == repr(method.get_params())
    for name, value in method.get_params(deep=False).items():
        assert getattr(method, name) is value


def test_learned_state_ends_in_an_underscore(build, fitted):
    learned = vars(fitted).keys() - vars(build()).keys()
    assert all(name.endswith("_") or name.startswith("_") for name in learned)


def test_works_in_cross_validation(build, complaints, method_name):
    train, _ = complaints
    scores = cross_val_score(build(), train.texts, train.labels, cv=2, scoring="f1_macro")
    assert (scores > (0.0 if method_name == "majority.v1" else 0.4)).all()


def test_what_was_chosen_makes_a_refit_need_no_validation(build, complaints):
    train, unseen = complaints
    method = build().fit(train.texts, train.labels, validation=(unseen.texts, unseen.labels))
    settled = clone(build()).set_params(**method.chosen_params_)
    all_texts, all_labels = train.texts + unseen.texts, train.labels + unseen.labels
    refitted = settled.fit(all_texts, all_labels)
    # It keeps the choices, and it saw more rows.
    assert repr(refitted.chosen_params_) == repr(method.chosen_params_)
    assert np.mean(refitted.predict(unseen.texts) == np.array(unseen.labels)) >= np.mean(
        method.predict(unseen.texts) == np.array(unseen.labels)
    )


def test_validation_rows_are_not_trained_on(build, complaints, method_name):
    """Validation rows with wrong labels are still answered as if they had never been seen."""
    train, unseen = complaints
    wrong = [train.labels[0]] * len(unseen.labels)
    method = build().fit(train.texts, train.labels, validation=(unseen.texts, wrong))
    right = np.mean(method.predict(unseen.texts) == np.array(wrong))
    assert right < 0.6 or method_name == "majority.v1"


def test_tells_scikit_learn_that_it_takes_texts(build):
    tags = build().__sklearn_tags__()
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
    assert tags.estimator_type == "classifier"


def test_the_listener_may_stop_it(build, complaints, method_name, tmp_path, monkeypatch):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))  # What is kept from another fit is too quick to be told.
    train, _ = complaints
    told = []

    def stop(progress):
        told.append(progress)
        raise KeyboardInterrupt

    method = build()
    if catalogue.capabilities(method_name).is_baseline:
        method.fit(train.texts, train.labels, listener=stop)  # Too quick to say anything.
        assert told == []
        return
    with pytest.raises(KeyboardInterrupt):
        method.fit(train.texts, train.labels, listener=stop)
    assert len(told) == 1
    assert told[0].what
    assert told[0].total is None or told[0].done < told[0].total  # Something is left that it spares.
    with pytest.raises(NotFittedError):
        method.predict(["my card"])


TEXTS = ["my card never came", "what is the exchange rate?", "how do I change my PIN"]


@pytest.fixture
def sealed(exported):
    settings = read_settings(exported)
    facts = ManifestFacts.model_validate(
        {
            "name": settings["name"],
            "task": {"name": "classification", "labels": settings["labels"]},
            "method": settings["name"],
            "predictor": {"kind": settings["kind"], "name": settings["name"]},
            "data": {"fingerprint": "0", "origin": "train.csv", "rows": {"train": 93}},
        }
    )
    write_card(exported, facts)
    seal(exported, facts)
    return exported


def test_every_export_can_be_sealed_and_loaded(sealed, fitted):
    bundle = load_bundle(sealed)
    assert bundle.predict(TEXTS).predicted == fitted.predict(TEXTS).tolist()


# The lines of a model card, run as they stand there, against the predictor they are said to rebuild.
def test_the_lines_of_plain_transformers_give_the_same_answers(sealed, monkeypatch, capsys):
    card = (sealed / "README.md").read_text(encoding="utf-8")
    _, heading, section = card.partition("## In plain transformers")
    if not (sealed / "huggingface").is_dir():
        assert not heading
        return
    lines = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    asked = re.sub(r"^texts = .*$", f"texts = {TEXTS!r}", lines, flags=re.MULTILINE)
    assert asked != lines
    monkeypatch.chdir(sealed)
    names = {}
    exec(asked, names)
    expected = load_bundle(sealed).predict(TEXTS)
    np.testing.assert_allclose(names["probabilities"].numpy(), expected.probabilities, atol=1e-4)
    assert capsys.readouterr().out.strip() == str(expected.predicted)
