import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from metier.classical import Majority, TfidfLinear
from metier.fusion import Average, Cascade, certify_cascade, export_cascade
from metier.predictors import load_predictor

# Some hundred validation rows certify no half point; 3 points they can.
MARGIN = 0.03


class Counted(TfidfLinear):
    """Counts how often it is trained, over all its copies."""

    fits = 0

    def fit(self, X, y, *, validation=None, listener=None):
        Counted.fits += 1
        return super().fit(X, y, validation=validation)


def small(most_ngrams, kind=TfidfLinear):
    return kind(model="svc", C=1.0, most_ngrams=most_ngrams)


@pytest.fixture(scope="module")
def fitted(train, unseen):
    return Cascade(stages=[small(60), small(5000)], margin=MARGIN).fit(*train, validation=unseen)


def test_the_certificate_is_that_of_the_stages_answers_to_the_validation_rows(fitted, unseen):
    texts, labels = unseen
    cheap, big = (stage.predict_proba(texts) for stage in fitted.stages_)
    truth = np.searchsorted(fitted.classes_, labels)
    assert fitted.certificate_ == certify_cascade(cheap, big, truth, margin=MARGIN)
    assert 0.1 < fitted.certificate_.kept_fraction < 1


def test_sure_texts_have_the_cheap_answer_and_the_others_the_big_one(fitted, unseen):
    cheap, big = (stage.predict_proba(unseen[0]) for stage in fitted.stages_)
    kept = cheap.max(axis=1) >= fitted.certificate_.threshold
    expected = np.where(kept[:, None], cheap, big)
    np.testing.assert_allclose(fitted.predict_proba(unseen[0]), expected, atol=1e-12)


def test_the_exported_cascade_answers_alike_and_says_who_answered(fitted, unseen, tmp_path):
    fitted.export(tmp_path)
    answers = load_predictor(tmp_path).predict(unseen[0])
    np.testing.assert_allclose(answers.probabilities, fitted.predict_proba(unseen[0]), atol=1e-6)
    settings = json.loads((tmp_path / "predictor.json").read_text())
    assert settings["threshold"] == fitted.certificate_.threshold
    assert settings["certificate"]["rows"] == len(unseen[0])
    assert [stage["folder"] for stage in settings["stages"]] == ["stages/cheap", "stages/big"]


def test_without_a_certificate_the_big_method_answers_alone(train, unseen, tmp_path):
    cascade = Cascade(stages=[Majority(), small(5000)]).fit(*train, validation=unseen)
    assert cascade.certificate_.threshold is None
    assert "598 are needed" in cascade.certificate_.reason
    big = cascade.stages_[1].predict_proba(unseen[0])
    np.testing.assert_array_equal(cascade.predict_proba(unseen[0]), big)
    cascade.export(tmp_path)
    answers = load_predictor(tmp_path).predict(unseen[0])
    assert set(answers.answered_by) == {"tfidf_linear.v1"}
    np.testing.assert_allclose(answers.probabilities, big, atol=1e-6)


def test_a_cheap_stage_inside_the_average_is_trained_stored_and_loaded_once(train, unseen, tmp_path):
    Counted.fits = 0
    cheap = small(60, kind=Counted)
    stages = [cheap, Average(members=[cheap, small(5000)])]
    cascade = Cascade(stages=stages, margin=MARGIN).fit(*train, validation=unseen)
    assert Counted.fits == 1
    cascade.export(tmp_path)
    settings = json.loads((tmp_path / "predictor.json").read_text())
    assert settings["stages"][0]["folder"] == "stages/big/members/0"
    assert len(list(tmp_path.rglob("weights.safetensors"))) == 2
    predictor = load_predictor(tmp_path)
    assert predictor.cheap.predictor is predictor.big.predictor.members[0].predictor
    answers = predictor.predict(unseen[0])
    np.testing.assert_allclose(answers.probabilities, cascade.predict_proba(unseen[0]), atol=1e-6)
    assert set(answers.answered_by) == {"tfidf_linear.v1", "average.v1"}
    # And again when it is fitted with every choice fixed.
    clone(cascade).set_params(**cascade.chosen_params_).fit(*train)
    assert Counted.fits == 2


def test_without_validation_every_row_takes_its_turn_and_the_stages_end_up_trained_on_all(train):
    cascade = Cascade(stages=[small(60), small(5000)], margin=0.1).fit(*train)
    assert cascade.certificate_.rows == len(train[0])
    assert [stage.n_rows_used_ for stage in cascade.stages_] == [len(train[0])] * 2


def test_the_choices_can_be_fixed_and_fitted_again_without_validation(fitted, train, unseen):
    refitted = clone(fitted).set_params(**fitted.chosen_params_).fit(*train)
    assert refitted.certificate_ == fitted.certificate_
    np.testing.assert_allclose(refitted.predict_proba(unseen[0]), fitted.predict_proba(unseen[0]), atol=1e-9)


def test_one_row_a_label_certifies_nothing():
    cascade = Cascade(stages=[Majority(), Majority()]).fit(["a text", "another"], ["x", "y"])
    assert cascade.certificate_.threshold is None
    assert "0 rows can never certify" in cascade.certificate_.reason
    assert cascade.predict_proba(["text"]).shape == (1, 2)


@pytest.mark.parametrize("stages", [None, [], [Majority()], [Majority(), Majority(), Majority()]])
def test_other_than_two_stages_are_refused(stages, train):
    with pytest.raises(ValueError, match="two stages"):
        Cascade(stages=stages).fit(*train)


def test_the_exported_threshold_is_that_of_the_certificate_given(fitted, tmp_path):
    folders = []
    for number, stage in enumerate(fitted.stages_):
        folders.append(tmp_path / str(number))
        folders[-1].mkdir()
        stage.export(folders[-1])
    never = replace(fitted.certificate_, threshold=None)
    export_cascade(never, folders, tmp_path / "whole", name="cascade.v1")
    assert load_predictor(tmp_path / "whole").threshold > 1
