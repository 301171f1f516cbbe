"""Naive Bayes in the place of a model a label: equal to scikit-learn's, and taken for very many labels alone."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.naive_bayes import ComplementNB

from metier.classical import TfidfLinear
from metier.classical.complement_bayes import BAYES, BayesOfVeryManyLabels, train_bayes
from metier.classical.learners import SvcOrLogistic, TrainingRows
from metier.selection.sample_cost import work_of


@pytest.mark.parametrize("weighted", [False, True])
def test_the_logits_are_those_of_scikit_learn(queries, weighted):
    texts, labels = queries
    method = TfidfLinear(model="svc", C=1.0, temperature=1.0).fit(texts, labels)
    vectors = [method.predictor_.features.vector(text) for text in texts]
    matrix = np.zeros((len(texts), method.predictor_.features.n_columns))
    for row, (columns, values) in enumerate(vectors):
        matrix[row, columns] = values
    names, truth = np.unique(labels, return_inverse=True)
    weights = np.linspace(0.1, 2, len(texts)) if weighted else None
    found = train_bayes(TrainingRows(csr_matrix(matrix), truth, len(names), weights=weights)).logits(matrix)
    expected = ComplementNB().fit(matrix, truth, sample_weight=weights).predict_joint_log_proba(matrix)
    apart = [logits - logits.mean(axis=1, keepdims=True) for logits in (found, expected)]
    np.testing.assert_allclose(apart[0], apart[1], atol=1e-4)


def test_it_is_taken_for_very_many_labels_of_few_rows_alone():
    learner = BayesOfVeryManyLabels(SvcOrLogistic())
    assert learner.settings(n_numbers=1_200_000, n_logits=5_000) == [{"model": BAYES}]
    few_labels = learner.settings(n_numbers=40_000_000, n_logits=77)
    assert few_labels == [{"model": "svc", "C": 1.0}]
    asked = BayesOfVeryManyLabels(SvcOrLogistic("svc"), "svc")
    assert asked.settings(n_numbers=1_200_000, n_logits=5_000) == [{"model": "svc", "C": 1.0}]


def test_many_labels_are_learned_at_once_and_foretold_by_their_rows(queries, monkeypatch, tmp_path):
    texts, labels = queries
    monkeypatch.setattr("metier.classical.complement_bayes.MOST_ONE_WORK", 0)
    monkeypatch.setattr("metier.classical.complement_bayes.FEW_NUMBERS_A_LABEL", 10**9)
    method = TfidfLinear()
    timed = method.as_on_all(texts, labels)
    assert timed.model == BAYES
    assert work_of(labels, timed) == len(labels)
    assert work_of(labels, method) == len(labels) * 6
    method.fit(texts[:180], labels[:180], validation=(texts[180:], labels[180:]))
    assert method.chosen_params_["model"] == BAYES
    assert np.mean(method.predict(texts[180:]) == np.array(labels[180:])) > 0.8
    again = TfidfLinear(**method.chosen_params_).fit(texts[:180], labels[:180])
    np.testing.assert_array_equal(again.predict_proba(texts[180:]), method.predict_proba(texts[180:]))
