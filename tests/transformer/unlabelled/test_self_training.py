"""Labels of one's own: chosen by hand-worked numbers, and learned from on real rows."""

import numpy as np
import pytest

from metier.errors import SettingsError
from metier.transformer.frozen.frozen_method import FrozenLinear
from metier.transformer.unlabelled.self_training import SelfTraining, choose_pseudo_labels

LABELS = ("card_arrival", "exchange_rate", "age_limit", "change_pin")


def test_each_label_gets_its_share_of_the_surest_rows():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.45, 0.55], [0.2, 0.8], [0.65, 0.35]])
    chosen = choose_pseudo_labels(probabilities, np.array([0, 1]), confidence=0.6, growth=2)
    assert chosen.positions.tolist() == [0, 1, 4]
    assert chosen.labels.tolist() == [0, 0, 1]
    # A label that is common among the labelled rows gets more.
    chosen = choose_pseudo_labels(probabilities, np.array([0, 0, 1]), confidence=0.5, growth=1.5)
    assert chosen.positions.tolist() == [0, 1, 2, 4]
    assert len(choose_pseudo_labels(probabilities, np.array([0, 1]), confidence=0.95, growth=2)) == 0


@pytest.fixture(scope="module")
def rows(banking77):
    texts, labels = (np.array(part, dtype=object) for part in banking77("train"))
    known = [index for label in LABELS for index in np.flatnonzero(labels == label)[:3]]
    others = [index for label in LABELS for index in np.flatnonzero(labels == label)[3:60]]
    test_texts, test_labels = banking77("test")
    test = [(text, label) for text, label in zip(test_texts, test_labels, strict=True) if label in LABELS]
    return texts[known].tolist(), labels[known].tolist(), texts[others].tolist(), test


def test_it_learns_from_texts_without_labels(rows, tiny_base):
    texts, labels, others, test = rows
    settings = {"base": str(tiny_base), "precision": "fp32"}
    plain = FrozenLinear(**settings).fit(texts, labels)
    taught = SelfTraining(**settings, unlabelled=others, confidence=0.5).fit(texts, labels)
    truth = np.array([label for _, label in test])
    right = [np.mean(model.predict([text for text, _ in test]) == truth) for model in (plain, taught)]
    assert right[1] >= right[0]
    assert taught.facts_["pseudo_labelled"][0] > 0
    assert not np.allclose(taught.head_.weight, plain.head_.weight)
    again = SelfTraining(**settings, unlabelled=others, confidence=0.5).set_params(**taught.chosen_params_)
    assert np.mean(again.fit(texts, labels).predict(others) == taught.predict(others)) > 0.95


def test_without_such_texts_it_is_its_supervised_counterpart(rows, tiny_base):
    texts, labels, others, _ = rows
    plain = FrozenLinear(base=str(tiny_base)).fit(texts, labels)
    same = SelfTraining(base=str(tiny_base)).fit(texts, labels)
    np.testing.assert_array_equal(same.predict_proba(others), plain.predict_proba(others))


def test_settings_that_cannot_work_are_said_together():
    with pytest.raises(SettingsError) as fault:
        SelfTraining(confidence=1.5, growth=0, rounds=0).fit(["a", "b"], ["x", "y"])
    assert str(fault.value).count("\n  - ") == 3
