import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from metier.classical import TfidfLinear
from metier.classical.learners import CANDIDATES
from metier.errors import SettingsError, UnknownLabelError
from metier.evaluation import log_loss
from metier.features.tfidf import character_ngrams, pieces, word_ngrams
from metier.predictors import load_predictor
from metier.text.normalisation import level


def sklearn_pipeline(C):
    """The pipeline as scikit-learn's own parts write it: the independent implementation to agree with."""

    def words(text):
        return word_ngrams(level(text))

    def characters(text):
        return [ngram for piece in pieces(level(text)) for ngram in character_ngrams(piece)]

    blocks = [TfidfVectorizer(analyzer=analyzer, sublinear_tf=True) for analyzer in (words, characters)]
    return make_pipeline(make_union(*blocks), LinearSVC(C=C, random_state=0, tol=1e-8, max_iter=20_000))


@pytest.mark.parametrize("rows", ["banking", "chinese"])
def test_equals_the_pipeline_of_scikit_learn(rows, request, tmp_path, monkeypatch):
    (texts, labels), (unseen, _) = request.getfixturevalue(rows)
    # Both solve to the end here: the place where liblinear stops by default depends on the order of the
    # columns.
    monkeypatch.setattr(
        "metier.classical.learners.LinearSVC",
        lambda **settings: LinearSVC(**settings, tol=1e-8, max_iter=20_000),
    )
    ours = TfidfLinear(model="svc", C=1.0, temperature=0.2).fit(texts, labels)
    ours.export(tmp_path)
    theirs = sklearn_pipeline(1.0).fit(texts, labels)
    expected = softmax(theirs.decision_function(unseen) / 0.2, axis=1)
    np.testing.assert_allclose(load_predictor(tmp_path).predict(unseen).probabilities, expected, atol=1e-6)


def test_learns_english(banking):
    (texts, labels), (unseen, truth) = banking
    assert np.mean(TfidfLinear().fit(texts, labels).predict(unseen) == truth) > 0.93


def test_learns_chinese(chinese):
    (texts, labels), (unseen, truth) = chinese
    assert np.mean(TfidfLinear().fit(texts, labels).predict(unseen) == truth) > 0.6


def test_two_labels_give_a_sigmoid_of_the_margin(banking):
    (texts, labels), (unseen, _) = banking
    two = [label in ("card_arrival", "atm_support", "change_pin") for label in labels]
    ours = TfidfLinear(model="svc", C=1.0, temperature=0.5).fit(texts, np.where(two, "card", "other"))
    theirs = sklearn_pipeline(1.0).fit(texts, np.where(two, "card", "other"))
    margins = theirs.decision_function(unseen)
    np.testing.assert_allclose(ours.predict_proba(unseen)[:, 1], 1 / (1 + np.exp(-margins / 0.5)), atol=1e-3)


def test_chooses_by_accuracy_then_log_loss_on_the_given_rows(banking):
    (texts, labels), unseen = banking
    method = TfidfLinear().fit(texts, labels, validation=unseen)
    assert [(trial["model"], trial["C"]) for trial in method.trials_] != list(CANDIDATES)  # sorted, best first
    assert sorted((trial["model"], trial["C"]) for trial in method.trials_) == sorted(CANDIDATES)
    ranks = [(-trial["accuracy"], trial["log_loss"]) for trial in method.trials_]
    assert ranks == sorted(ranks)
    best = method.trials_[0]
    assert {key: method.chosen_params_[key] for key in ("model", "C")} == {
        key: best[key] for key in ("model", "C")
    }
    # The figures are those of the model that stays.
    truth = np.searchsorted(method.classes_, unseen[1])
    assert np.mean(method.predict(unseen[0]) == unseen[1]) == pytest.approx(best["accuracy"])
    assert log_loss(method.predict_proba(unseen[0]), truth) == pytest.approx(best["log_loss"], rel=1e-4)


def test_probabilities_are_calibrated_on_held_out_rows(banking):
    (texts, labels), (unseen, truth) = banking
    method = TfidfLinear(model="svc").fit(texts, labels)
    truth = np.searchsorted(method.classes_, truth)
    fitted = log_loss(method.predict_proba(unseen), truth)
    raw = clone(method).set_params(**{**method.chosen_params_, "temperature": 1.0}).fit(texts, labels)
    assert fitted < log_loss(raw.predict_proba(unseen), truth) / 2


def test_chosen_params_refit_without_choosing(banking):
    (texts, labels), (unseen, _) = banking
    method = TfidfLinear().fit(texts, labels)
    refitted = clone(method).set_params(**method.chosen_params_).fit(texts, labels)
    assert refitted.trials_ == []
    np.testing.assert_allclose(refitted.predict_proba(unseen), method.predict_proba(unseen), atol=1e-12)


def test_fewer_pairs_are_tried_where_work_is_much(banking, monkeypatch):
    (texts, labels), _ = banking
    monkeypatch.setattr("metier.classical.learners.MOST_WORK", 1)
    trials = TfidfLinear().fit(texts, labels).trials_
    assert [(trial["model"], trial["C"]) for trial in trials] == [CANDIDATES[0]]


def test_one_label_at_a_time_gives_the_same_model(banking, monkeypatch):
    (texts, labels), (unseen, _) = banking
    settled = {"model": "svc", "C": 1.0, "temperature": 1.0}
    at_once = TfidfLinear(**settled).fit(texts, labels).predict_proba(unseen)
    monkeypatch.setattr("metier.classical.learners.MOST_WORK", 1)
    one_by_one = TfidfLinear(**settled).fit(texts, labels).predict_proba(unseen)
    assert not np.array_equal(one_by_one, at_once)
    np.testing.assert_allclose(one_by_one, at_once, atol=1e-3)


def test_trains_on_a_stratified_sample_where_memory_would_not_do(banking, monkeypatch):
    (texts, labels), (unseen, truth) = banking
    monkeypatch.setattr("metier.classical.tfidf_linear.MOST_NUMBERS", 20_000)
    method = TfidfLinear().fit(texts, labels)
    assert 100 < method.n_rows_used_ < len(texts) / 3
    assert TfidfLinear().n_learned(texts, labels) == pytest.approx(method.n_rows_used_, rel=0.1)
    assert len(method.classes_) == len(set(labels))
    assert np.mean(method.predict(unseen) == truth) > 0.8


def test_vocabulary_stays_under_its_limit(banking):
    (texts, labels), (unseen, truth) = banking
    method = TfidfLinear(model="svc", C=1.0, temperature=0.2, most_ngrams=3_000).fit(texts, labels)
    assert method.predictor_.features.n_columns == 3_000
    assert np.mean(method.predict(unseen) == truth) > 0.9


def test_one_row_a_label_is_enough_to_fit():
    method = TfidfLinear().fit(["my card is lost", "what is the weather"], ["card", "weather"])
    assert method.predict(["lost card"]).tolist() == ["card"]
    assert method.chosen_params_["temperature"] == 1.0


def test_the_listener_hears_every_candidate(banking):
    (texts, labels), _ = banking
    heard = []
    TfidfLinear().fit(texts, labels, listener=heard.append)
    assert [progress.done for progress in heard] == [0, 1, 2, 3, 4]
    assert heard[-1].facts["inner_validation_accuracy"] > 0.8  # Of training rows that were held out.
    TfidfLinear().fit(texts[::2], labels[::2], validation=(texts[1::2], labels[1::2]), listener=heard.append)
    assert heard[-1].facts["validation_accuracy"] > 0.8


def test_all_faulty_settings_are_named_together():
    with pytest.raises(SettingsError) as caught:
        TfidfLinear(model="forest", C=-1.0, temperature=0).fit(["a", "b"], ["x", "y"])
    assert "3 faults" in str(caught.value)
    assert "'forest'" in str(caught.value)


def test_validation_with_an_unknown_label_is_refused():
    with pytest.raises(UnknownLabelError, match="'z'"):
        TfidfLinear().fit(["a b", "c d"], ["x", "y"], validation=(["e"], ["z"]))


def test_soft_labels_are_learned_as_far_as_they_are_probable(banking77):
    texts, labels = banking77("train")
    kept = [
        (text, label) for text, label in zip(texts, labels, strict=True) if label in ("age_limit", "change_pin")
    ]
    texts, labels = map(list, zip(*kept[:60], *kept[-60:], strict=True))
    sure = np.array([[0.98, 0.02] if label == "age_limit" else [0.02, 0.98] for label in labels])
    method = TfidfLinear(model="logistic", C=1.0, temperature=1.0)
    hard = method.fit(texts, labels).predict_proba(texts)
    np.testing.assert_allclose(
        method.fit(texts, labels, soft=np.round(sure)).predict_proba(texts), hard, atol=0.05
    )
    unsure = method.fit(texts, labels, soft=np.full((len(texts), 2), 0.5)).predict_proba(texts)
    np.testing.assert_allclose(unsure, 0.5, atol=0.05)
    with pytest.raises(SettingsError, match="The soft labels"):
        method.fit(texts, labels, soft=sure[:3])


def test_a_sample_is_timed_with_the_settings_that_all_rows_leave_time_for(monkeypatch):
    texts, labels = [f"some words {n} and more" for n in range(400)], [str(n % 40) for n in range(400)]
    method = TfidfLinear()
    assert method.as_on_all(texts, labels) is method
    monkeypatch.setattr("metier.classical.learners.MOST_WORK", 50_000)
    timed = method.as_on_all(texts, labels)
    assert (timed.model, timed.C) == CANDIDATES[0]
    assert method.model is None
    assert len(timed.fit(texts[:200], labels[:200], validation=(texts[:8], labels[:8])).trials_) == 1
