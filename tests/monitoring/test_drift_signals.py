"""Estimates without labels hold where their assumption does, tests keep their level, shares of labels are corrected."""

import numpy as np
import pytest

from metier.monitoring.signals.domain_classifier import domain_test
from metier.monitoring.signals.label_shift import label_shares
from metier.monitoring.signals.two_samples import confidence_test, discrepancy_test, vector_test
from metier.monitoring.signals.unlabelled_accuracy import calibration, estimate_accuracy


def asked(random, rows, sure):
    """Confidences, and answers that are right less often than they promise."""
    confidence = random.beta(*sure, rows)
    return confidence, random.random(rows) < confidence**1.3


def test_the_interval_holds_the_accuracy_of_harder_rows():
    random, held, errors, dummy = np.random.default_rng(0), 0, [], []
    for draw in range(40):
        known, right = asked(random, 400, (6, 1.5))
        new, truth = asked(random, 300, (2, 2))
        found = estimate_accuracy(known, right, new, random_state=draw)
        held += found.low <= truth.mean() <= found.high
        errors.append(abs(found.value - truth.mean()))
        dummy.append(abs(right.mean() - truth.mean()))
    assert held >= 34
    assert np.mean(errors) < 0.3 * np.mean(dummy)


def test_what_is_calibrated_is_left_as_it_is():
    random = np.random.default_rng(1)
    chances = random.beta(3, 1, 20_000)
    slope, offset = calibration(
        np.log(chances / (1 - chances)), (random.random(20_000) < chances).astype(float)
    )
    assert (slope, offset) == (pytest.approx(1, abs=0.06), pytest.approx(0, abs=0.06))


@pytest.mark.parametrize(
    "test", [confidence_test, lambda one, other, **how: discrepancy_test(one, other, **how)]
)
def test_tests_keep_their_level_and_see_a_shift(test):
    random = np.random.default_rng(2)

    def drawn(rows, sharp):
        found = random.dirichlet(np.full(4, 1 / sharp), rows)
        return found.max(axis=1) if test is confidence_test else found

    false = [test(drawn(80, 2), drawn(80, 2), random_state=n).p_value <= 0.05 for n in range(40)]
    assert sum(false) <= 6
    assert test(drawn(200, 2), drawn(200, 0.7)).p_value < 0.01


def test_shares_of_labels_do_not_follow_the_errors():
    random = np.random.default_rng(3)
    truth = np.where(random.random(4_000) < 0.8, 0, 1)
    means = np.array([[1.2, 0.0], [0.0, 1.2]])[truth]
    logits = means + random.normal(size=(4_000, 2))
    # Calibrated where both labels are as frequent: the ratio of two normal densities.
    probabilities = 1 / (1 + np.exp(-1.2 * (logits[:, :1] - logits[:, 1:]) * np.array([[1, -1]])))
    found = label_shares(probabilities, np.array([0.5, 0.5]))
    assert found.now[0] == pytest.approx(0.8, abs=0.03)
    assert found.low[0] < 0.8 < found.high[0]
    assert found.answered[0] < 0.77


def test_a_domain_classifier_keeps_its_level_and_explains_what_it_sees():
    random = np.random.default_rng(6)
    words = [f"w{n}" for n in range(40)]

    def texts(n, extra=0.0):
        return [
            set(random.choice(words, 6, replace=False)) | ({"refund"} if random.random() < extra else set())
            for _ in range(n)
        ]

    false = [domain_test(texts(40), texts(40), random_state=n).p_value <= 0.05 for n in range(30)]
    assert sum(false) <= 5
    found = domain_test(texts(120, 0.05), texts(120, 0.5))
    assert found.p_value <= 0.02
    assert found.auc > 0.6
    assert found.more[0] == "refund"
    same = domain_test(texts(100), texts(100), level=0.0)
    assert (same.more, same.fewer) == ((), ())


def test_embeddings_that_move_are_seen():
    random = np.random.default_rng(7)
    one, other = random.normal(size=(80, 16)), random.normal(size=(80, 16))
    assert vector_test(one, other).p_value > 0.05
    assert vector_test(one, other + np.eye(16)[0] * 1.5).p_value < 0.02
