"""The probe and the method around it, on real rows; the figures the documentation states are slow proofs."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from metier.errors import SettingsError, UnknownLabelError
from metier.evaluation.calibration import log_loss
from metier.predictors import load_predictor
from metier.training.heads.linear_probe import fit_probe
from metier.transformer.frozen.frozen_method import FrozenLinear


@pytest.fixture(scope="module")
def rows(banking77):
    """Ten labels of banking77: 30 rows each to learn from, 10 to choose on, and the test rows."""
    texts, labels = banking77("train")
    wanted = sorted(set(labels))[:10]
    by_label = {
        label: [text for text, own in zip(texts, labels, strict=True) if own == label] for label in wanted
    }
    test = [pair for pair in zip(*banking77("test"), strict=True) if pair[1] in wanted]
    return {
        "train": [(text, label) for label in wanted for text in by_label[label][:30]],
        "validation": [(text, label) for label in wanted for text in by_label[label][30:40]],
        "test": test,
    }


def columns(pairs):
    return tuple(map(list, zip(*pairs, strict=True)))


@pytest.fixture(scope="module")
def fitted(rows, tiny_base):
    method = FrozenLinear(base=str(tiny_base), precision="fp32")
    return method.fit(*columns(rows["train"]), validation=columns(rows["validation"]))


@pytest.fixture(scope="module")
def points():
    """Four classes in five dimensions, one of which never moves and one of which is tiny."""
    random = np.random.default_rng(0)
    y = random.integers(0, 4, size=400)
    centres = random.normal(size=(4, 5))
    x = centres[y] + random.normal(size=(400, 5))
    x[:, 3] = 7.0
    x[:, 4] *= 1e-2
    return x.astype(np.float32), y


class TestProbe:
    def test_is_the_logistic_regression_of_the_scaled_points(self, points):
        x, y = points
        probe = fit_probe(x, y, C=0.1, temperature=1.0)
        scale = np.where(x.std(axis=0) > 1e-6, x.std(axis=0), 1.0)
        scaled = (x - x.mean(axis=0)) / scale
        expected = LogisticRegression(C=0.1, max_iter=1_000).fit(scaled, y).predict_proba(scaled)
        np.testing.assert_allclose(probe.probabilities(x), expected, atol=2e-3)
        assert not probe.weight[:, 3].any()  # What never moves has nothing to say.

    def test_two_classes_are_a_softmax_too(self, points):
        x, y = points
        probe = fit_probe(x, y % 2, C=0.1, temperature=1.0)
        assert probe.weight.shape == (2, 5)
        scale = np.where(x.std(axis=0) > 1e-6, x.std(axis=0), 1.0)
        scaled = (x - x.mean(axis=0)) / scale
        expected = LogisticRegression(C=0.1, max_iter=1_000).fit(scaled, y % 2).predict_proba(scaled)
        np.testing.assert_allclose(probe.probabilities(x), expected, atol=2e-3)

    def test_the_walk_finds_the_valley(self, points):
        x, y = points
        validation = x[300:], y[300:]
        chosen = fit_probe(x[:300], y[:300], validation=validation)
        chosen_loss = log_loss(chosen.probabilities(validation[0]), validation[1])
        for C in (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0):
            other = fit_probe(x[:300], y[:300], C=C, validation=validation)
            assert chosen_loss <= log_loss(other.probabilities(validation[0]), validation[1]) + 1e-3

    def test_without_validation_the_probe_learns_from_all_rows(self, points):
        x, y = points
        chosen = fit_probe(x, y, random_state=3)
        again = fit_probe(x, y, C=chosen.C, temperature=chosen.temperature)
        np.testing.assert_array_equal(chosen.weight, again.weight)

    def test_one_row_a_label_can_be_fitted(self):
        probe = fit_probe(np.eye(3, dtype=np.float32), np.arange(3))
        assert probe.probabilities(np.eye(3)).argmax(axis=1).tolist() == [0, 1, 2]


def test_learns_and_is_calibrated(fitted, rows):
    texts, labels = columns(rows["test"])
    probabilities = fitted.predict_proba(texts)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    right = fitted.classes_[probabilities.argmax(axis=1)] == np.array(labels)
    assert right.mean() > 0.85
    assert abs(probabilities.max(axis=1).mean() - right.mean()) < 0.1


def test_choices_are_enough_for_a_refit(fitted, rows):
    texts, labels = columns(rows["train"])
    refitted = clone(fitted).set_params(**fitted.chosen_params_).fit(texts, labels)
    # The same minimum, to the precision it is looked for with.
    np.testing.assert_allclose(refitted.predict_proba(texts), fitted.predict_proba(texts), atol=0.02)
    assert refitted.head_.decoder.temperature == fitted.head_.decoder.temperature


def test_the_predictor_answers_alike(fitted, rows, tmp_path):
    fitted.export(tmp_path)
    texts, _ = columns(rows["test"])
    answers = load_predictor(tmp_path).predict(texts)
    np.testing.assert_allclose(answers.probabilities, fitted.predict_proba(texts), atol=1e-4)
    assert answers.labels == tuple(fitted.classes_)
    assert json.loads((tmp_path / "predictor.json").read_text())["export"]["chosen"] == "fp32"


def test_a_precision_that_is_none_is_refused(rows):
    with pytest.raises(SettingsError, match="fp32"):
        FrozenLinear(precision="fp8").fit(*columns(rows["train"]))


def test_validation_labels_must_be_known(rows, tiny_base):
    with pytest.raises(UnknownLabelError, match="never_heard"):
        FrozenLinear(base=str(tiny_base)).fit(*columns(rows["train"]), validation=(["a text"], ["never_heard"]))


@pytest.fixture
def user_cache(monkeypatch):
    """Embeddings of whole data sets are worth keeping from one run of the proofs to the next."""
    monkeypatch.delenv("METIER_CACHE")


@pytest.mark.slow
@pytest.mark.usefixtures("user_cache")
def test_banking77_as_documented(banking77):
    method = FrozenLinear().fit(*banking77("train"))
    texts, labels = banking77("test")
    assert np.mean(method.predict(texts) == np.array(labels)) >= 0.925


@pytest.mark.slow
@pytest.mark.usefixtures("user_cache")
def test_csl_as_documented(csl, e5_base):
    method = FrozenLinear().fit(*csl("train"), validation=csl("dev"))
    texts, labels = csl("test")
    predicted = method.predict(texts)
    assert method.base_.name == "e5-multilingual"
    assert np.mean(predicted == np.array(labels)) >= 0.795
    assert f1_score(labels, predicted, average="macro") >= 0.69


@pytest.mark.slow
@pytest.mark.usefixtures("user_cache")
def test_few_chinese_rows_beat_counting_words_by_five_points(csl, e5_base):
    from metier.classical import TfidfLinear

    texts, labels = csl("train")
    few = np.random.default_rng(0).permutation(len(texts))[:1_000]
    train = [texts[i] for i in few], [labels[i] for i in few]
    unseen, truth = csl("test")
    known = set(train[1])
    validation = [pair for pair in zip(*csl("dev"), strict=True) if pair[1] in known]
    accuracy = {}
    for method in (FrozenLinear(), TfidfLinear()):
        method.fit(*train, validation=columns(validation))
        accuracy[method.name] = np.mean(method.predict(unseen) == np.array(truth))
    assert accuracy["frozen_linear.v1"] > accuracy["tfidf_linear.v1"] + 0.05
