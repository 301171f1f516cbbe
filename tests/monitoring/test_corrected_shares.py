"""Shares of labels are corrected for a model's mistakes, with intervals that hold."""

import numpy as np

from metier.monitoring.signals.corrected_shares import corrected_shares, plain_shares

RATES = np.array([[0.9, 0.1, 0.0], [0.3, 0.6, 0.1], [0.05, 0.15, 0.8]])


def drawn(random, truth, n, labelled=200):
    confusion = np.stack([random.multinomial(labelled, row) for row in RATES])
    answers = sum(
        random.multinomial(k, row) for k, row in zip(random.multinomial(n, truth), RATES, strict=True)
    )
    return answers, confusion


def test_intervals_hold_the_true_shares_in_about_95_of_100_cases_and_those_of_answers_do_not():
    random, truth = np.random.default_rng(0), np.array([0.1, 0.7, 0.2])
    held, plainly = [], []
    for _ in range(150):
        answers, confusion = drawn(random, truth, 400)
        for found, kept in ((corrected_shares(answers, confusion), held), (plain_shares(answers), plainly)):
            kept.append((found.low <= truth) & (truth <= found.high))
    assert 0.9 <= np.mean(held) <= 0.98
    assert np.mean(plainly) < 0.5


def test_few_answers_of_one_label_leave_the_share_open():
    confusion = np.stack([np.round(100 * row) for row in RATES]).astype(int)
    found = corrected_shares(np.array([0, 22, 10]), confusion)
    assert found.high[1] - found.low[1] > 0.2
    assert (found.low <= found.value).all()
    assert (found.value <= found.high).all()
    assert abs(found.value.sum() - 1) < 1e-9


def test_many_labels_and_labels_without_rows_are_answered():
    random = np.random.default_rng(1)
    confusion = np.diag(np.full(77, 9)) + (random.random((77, 77)) < 0.01)
    confusion[5] = 0
    found = corrected_shares(random.integers(0, 9, 77), confusion)
    assert np.isfinite(found.value).all()
