import json

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from metier.classical import Majority, TfidfLinear
from metier.evaluation import accuracy, fit_temperature, log_loss
from metier.fusion import Average, AverageFit, export_average, fit_average
from metier.predictors import load_predictor
from metier.predictors.constant import ConstantPredictor

N_CLASSES = 6


def answered(noise, *, rows=1000, seed=0):
    """Truth, and calibrated-looking answers of members that see it through independent noise."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, N_CLASSES, rows)
    members = []
    for each in noise:
        logits = 2.5 * np.eye(N_CLASSES)[truth] + rng.normal(0, each, (rows, N_CLASSES))
        members.append(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    return members, truth


def small(most_ngrams):
    """A quick linear method; another vocabulary makes another method."""
    return TfidfLinear(model="svc", C=1.0, most_ngrams=most_ngrams)


def test_the_fit_is_the_minimum_of_log_loss_and_distance():
    members, truth = answered([0.8, 1.2, 2.5])
    fit = fit_average(members, truth, weight_spread=0.1)

    def loss(weights):
        # The definition, written out: 1/sum is the temperature, the rest are shares.
        average = AverageFit(fit.temperatures, tuple(weights / weights.sum()), 1 / weights.sum())
        apart = np.var(weights) * len(weights) / (2 * 0.1**2 * len(truth))
        return log_loss(average.pool(members), truth) + apart

    found = minimize(loss, [0.5, 0.5, 0.5], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10})
    np.testing.assert_allclose(np.array(fit.weights) / fit.temperature, found.x, atol=2e-3)
    assert sum(fit.weights) == pytest.approx(1)


def test_members_get_their_own_temperatures():
    members, truth = answered([0.8, 1.2])
    fit = fit_average(members, truth)
    expected = [fit_temperature(np.log(member), truth) for member in members]
    np.testing.assert_allclose(fit.temperatures, expected)


def test_a_scaled_member_changes_nothing_but_its_temperature():
    members, truth = answered([0.8, 1.2])
    sharpened = members[1] ** 3 / (members[1] ** 3).sum(axis=1, keepdims=True)
    before, after = fit_average(members, truth), fit_average([members[0], sharpened], truth)
    # But for what the prior of a temperature near 1 still moves at so many rows.
    np.testing.assert_allclose(after.weights, before.weights, atol=2e-3)
    assert after.temperatures[1] == pytest.approx(3 * before.temperatures[1], rel=1e-2)


def test_averaging_beats_every_member_on_unseen_rows():
    members, truth = answered([1.2, 1.2, 1.3], rows=4000)
    fit = fit_average([member[:1000] for member in members], truth[:1000])
    pooled = fit.pool([member[1000:] for member in members])
    best = max(accuracy(truth[1000:], member[1000:].argmax(axis=1)) for member in members)
    assert accuracy(truth[1000:], pooled.argmax(axis=1)) > best + 0.02
    assert fit_temperature(np.log(pooled), truth[1000:]) == pytest.approx(1, abs=0.15)


def test_a_member_that_adds_nothing_loses_its_weight_only_as_rows_speak_against_it():
    weights = []
    for rows in (20, 1000, 20_000):
        members, truth = answered([0.8, 0.8], rows=rows)
        # A blurred view of the first: calibrated by its temperature, but without evidence of its own.
        blurred = members[0] * np.exp(np.random.default_rng(1).normal(0, 2, members[0].shape))
        blurred /= blurred.sum(axis=1, keepdims=True)
        weights.append(fit_average([*members, blurred], truth).weights[2])
    assert weights[0] == pytest.approx(1 / 3, abs=0.03)
    assert weights[0] > weights[1] > weights[2]
    assert weights[2] < 0.2
    assert fit_average([*members, blurred], truth, weight_spread=100).weights[2] < 0.02


def test_no_spread_means_equal_weights():
    members, truth = answered([0.8, 2.0, 4.0])
    np.testing.assert_allclose(fit_average(members, truth, weight_spread=0).weights, [1 / 3] * 3, atol=1e-3)


def test_the_order_of_members_does_not_matter():
    members, truth = answered([0.8, 1.5, 3.0])
    forwards, backwards = fit_average(members, truth), fit_average(members[::-1], truth)
    np.testing.assert_allclose(forwards.weights, backwards.weights[::-1], atol=1e-4)


def test_members_that_know_nothing_leave_something_to_answer_with():
    truth = np.arange(60) % 3
    fit = fit_average([np.full((60, 3), 1 / 3)] * 2, truth)
    np.testing.assert_allclose(fit.pool([np.full((4, 3), 1 / 3)] * 2), 1 / 3)
    assert sum(fit.weights) == pytest.approx(1)


def test_no_members_are_refused(train):
    with pytest.raises(ValueError, match="found none"):
        fit_average([], np.array([0, 1]))
    with pytest.raises(ValueError, match="members=\\["):
        Average().fit(*train)


@pytest.fixture(scope="module")
def fitted(train, unseen):
    return Average(members=[small(3000), small(300)]).fit(*train, validation=unseen)


def test_the_fit_is_that_of_the_members_answers_to_the_validation_rows(fitted, unseen):
    texts, labels = unseen
    truth = np.searchsorted(fitted.classes_, labels)
    members = [member.predict_proba(texts) for member in fitted.members_]
    assert fitted.fit_ == fit_average(members, truth)
    np.testing.assert_array_equal(fitted.predict_proba(texts), fitted.fit_.pool(members))


def test_the_exported_average_answers_alike(fitted, unseen, tmp_path):
    fitted.export(tmp_path)
    answers = load_predictor(tmp_path).predict(unseen[0])
    np.testing.assert_allclose(answers.probabilities, fitted.predict_proba(unseen[0]), atol=1e-6)
    assert answers.predicted == list(fitted.predict(unseen[0]))
    assert set(answers.answered_by) == {"average.v1"}
    # Nothing of the way there is left behind.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["members", "predictor.json"]


def test_without_validation_the_members_end_up_trained_on_all_rows(train, unseen):
    average = Average(members=[small(3000), small(300)], random_state=1).fit(*train)
    again = Average(members=[small(3000), small(300)], random_state=1).fit(*train)
    np.testing.assert_array_equal(average.predict_proba(unseen[0]), again.predict_proba(unseen[0]))
    assert [member.n_rows_used_ for member in average.members_] == [len(train[0])] * 2
    assert (
        accuracy(np.array(unseen[1]) == np.array(unseen[1]), average.predict(unseen[0]) == np.array(unseen[1]))
        > 0.9
    )


def test_the_choices_can_be_fixed_and_fitted_again_without_validation(fitted, train, unseen):
    refitted = clone(fitted).set_params(**fitted.chosen_params_).fit(*train)
    assert refitted.fit_ == fitted.fit_
    np.testing.assert_allclose(refitted.predict_proba(unseen[0]), fitted.predict_proba(unseen[0]), atol=1e-9)


def test_a_fixed_fit_for_other_members_is_refused(fitted, train):
    with pytest.raises(ValueError, match="for 2 members, found 1"):
        Average(members=[Majority()], fixed=fitted.fit_).fit(*train)


def test_scikit_learn_classifiers_can_be_members(train, unseen):
    bayes = make_pipeline(TfidfVectorizer(), MultinomialNB())
    average = Average(members=[small(3000), bayes]).fit(*train, validation=unseen)
    assert np.mean(average.predict(unseen[0]) == np.array(unseen[1])) > 0.9
    assert average.get_params()["members"][1] is bayes
    assert not hasattr(bayes[-1], "classes_")  # What was given stays unfitted.


def test_one_row_a_label_leaves_equal_weights():
    average = Average(members=[Majority(), Majority()]).fit(["a text", "another"], ["x", "y"])
    assert average.fit_.weights == (0.5, 0.5)


def test_not_fitted_not_answered():
    with pytest.raises(NotFittedError):
        Average(members=[Majority()]).predict_proba(["text"])


def candidate(folder, name, labels=("a", "b")):
    """A candidate's folder as a run leaves it, with what only describes it."""
    folder.mkdir(parents=True)
    ConstantPredictor(probabilities=[0.7, 0.3], labels=labels, name=name).save(folder)
    (folder / "weights.bin").write_bytes(b"\1" * 200_000)
    (folder / "README.md").write_text("card")
    (folder / "manifest.json").write_text("{}")
    (folder / "huggingface").mkdir()
    (folder / "huggingface" / "config.json").write_text("{}")
    return folder


def test_only_what_answers_is_taken_along_and_large_files_are_linked(tmp_path):
    sources = [candidate(tmp_path / name, f"{name}.v1") for name in ("first", "second")]
    fit = AverageFit((1.0, 2.0), (0.6, 0.4), 0.9)
    export_average(fit, sources, tmp_path / "whole", name="average.v1")
    files = sorted(
        str(path.relative_to(tmp_path / "whole")) for path in (tmp_path / "whole").rglob("*") if path.is_file()
    )
    assert files == [
        "members/0/predictor.json",
        "members/0/weights.bin",
        "members/1/predictor.json",
        "members/1/weights.bin",
        "predictor.json",
    ]
    assert (tmp_path / "whole/members/1/weights.bin").samefile(sources[1] / "weights.bin")
    assert not (tmp_path / "whole/members/1/predictor.json").samefile(sources[1] / "predictor.json")
    settings = json.loads((tmp_path / "whole/predictor.json").read_text())
    assert [member["name"] for member in settings["members"]] == ["first.v1", "second.v1"]
    assert [member["weight"] for member in settings["members"]] == [0.6, 0.4]


def test_where_files_cannot_be_linked_they_are_copied(tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError("another disk")

    monkeypatch.setattr("os.link", refuse)
    source = candidate(tmp_path / "first", "first.v1")
    export_average(AverageFit((1.0,), (1.0,)), [source], tmp_path / "whole", name="average.v1")
    copied = tmp_path / "whole/members/0/weights.bin"
    assert copied.read_bytes() == (source / "weights.bin").read_bytes()
    assert not copied.samefile(source / "weights.bin")


def test_members_with_other_labels_or_too_few_folders_are_refused(tmp_path):
    first, second = (
        candidate(tmp_path / "1", "first.v1"),
        candidate(tmp_path / "2", "second.v1", labels=("a", "c")),
    )
    with pytest.raises(ValueError, match="Combine methods trained on the same labels"):
        export_average(
            AverageFit((1.0, 1.0), (0.5, 0.5)), [first, second], tmp_path / "whole", name="average.v1"
        )
    with pytest.raises(ValueError, match="each of 2 members, found 1"):
        export_average(AverageFit((1.0, 1.0), (0.5, 0.5)), [first], tmp_path / "whole", name="average.v1")
