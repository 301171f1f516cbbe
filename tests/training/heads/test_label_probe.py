"""Heads that are solved together are those that scikit-learn finds one by one."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from metier.training.heads.label_probe import Questions, choose_label_probe, fit_label_probe


@pytest.fixture(scope="module")
def points():
    random = np.random.default_rng(0)
    x = random.normal(size=(500, 6)) * [1, 10, 0.1, 1, 1, 1] + 3
    x[:, 5] = 7.0  # Never moves.
    wanted = np.array([[1, 0.1, 0, -1, 0, 0], [0, 0.2, -10, 0, 1, 0]])
    truth = random.random((500, 2)) < 1 / (1 + np.exp(-(x - 3) @ wanted.T - [0, 2]))
    return x.astype(np.float32), truth


def alone(x, truth, C):
    scale = np.where(x.std(axis=0) > 1e-6, x.std(axis=0), 1.0)
    scaled = (x - x.mean(axis=0)) / scale
    return LogisticRegression(C=C, max_iter=2_000, tol=1e-8).fit(scaled, truth).decision_function(scaled)


def test_each_margin_is_a_logistic_regression_of_its_own(points):
    x, truth = points
    probe = fit_label_probe(Questions(x, truth), C=0.1)
    for column in range(2):
        np.testing.assert_allclose(probe.logits(x)[:, column], alone(x, truth[:, column], 0.1), atol=5e-3)
    assert not probe.weight[:, 5].any()


def test_what_is_not_asked_teaches_nothing(points):
    x, truth = points
    asked = np.ones_like(truth)
    asked[250:, 1] = False
    probe = fit_label_probe(Questions(x, truth, asked), C=0.1)
    wrong = truth.copy()
    wrong[250:, 1] ^= True
    np.testing.assert_array_equal(fit_label_probe(Questions(x, wrong, asked), C=0.1).weight, probe.weight)


def test_the_chosen_strength_is_the_best_of_its_neighbours(points):
    x, truth = points
    known, held = Questions(x[:60], truth[:60]), Questions(x[60:], truth[60:])
    C, logits = choose_label_probe([(known, held)])
    assert logits.shape == (440, 2)

    def loss(strength):
        found = fit_label_probe(known, C=strength).logits(held.embeddings)
        return (np.logaddexp(0, found) - held.truth * found).mean()

    assert loss(C) <= min(loss(C / 10), loss(C * 10)) + 1e-4


def test_a_label_that_all_rows_have_stays_finite(points):
    x, truth = points
    always = truth.copy()
    always[:, 0] = True
    logits = fit_label_probe(Questions(x, always), C=1.0).logits(x)
    assert np.isfinite(logits).all()
    assert (logits[:, 0] > 0).all()
