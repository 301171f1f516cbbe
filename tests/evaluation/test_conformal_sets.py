"""Sets of labels hold the true one as often as promised, also with saturated probabilities."""

import numpy as np
import pytest

from metier.errors import DataError
from metier.evaluation.conformal_sets import BY_LABEL, KINDS, LAC, RAPS, fit_label_sets, without_empty_sets


def rows(random, n, *, labels=6, sharpness=2.0):
    logits = random.normal(size=(n, labels)) * sharpness
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([random.choice(labels, p=chance) for chance in chances])
    return chances, truth


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sharpness", [1.0, 12.0])
def test_coverage_is_as_promised(kind, sharpness):
    random = np.random.default_rng(0)
    inside = total = 0
    for seed in range(20):
        fitted = fit_label_sets(*rows(random, 300, sharpness=sharpness), kind=kind, random_state=seed)
        chances, truth = rows(random, 300, sharpness=sharpness)
        inside += fitted.sets(chances, random_state=seed + 100)[np.arange(300), truth].sum()
        total += 300
    # Twenty fits of 300 rows vary by themselves, so the band is wider than that of the rows alone.
    assert inside / total > 0.885


def test_a_promise_for_each_label_holds_for_each():
    random = np.random.default_rng(1)
    hard = np.array([0.55, 0.95])

    def drawn(n):
        truth = random.integers(2, size=n)
        right = random.random(n) < hard[truth]
        of_truth = np.where(right, random.uniform(0.5, 1, n), random.uniform(0, 0.5, n))
        chances = np.empty((n, 2))
        chances[np.arange(n), truth] = of_truth
        chances[np.arange(n), 1 - truth] = 1 - of_truth
        return chances, truth

    held = {}
    for kind in (LAC, BY_LABEL):
        fitted = fit_label_sets(*drawn(4000), kind=kind, coverage=0.8)
        chances, truth = drawn(20000)
        sets = fitted.sets(chances)
        held[kind] = [sets[truth == label, label].mean() for label in (0, 1)]
    assert held[LAC][0] < 0.75
    assert min(held[BY_LABEL]) > 0.77


def test_saturated_probabilities_do_not_give_full_sets():
    chances = np.full((400, 5), 1e-9)
    truth = np.arange(400) % 5
    chances[np.arange(400), np.where(np.arange(400) % 20 == 0, (truth + 1) % 5, truth)] = 1.0
    for kind in (LAC, RAPS):
        sets = fit_label_sets(chances, truth, kind=kind).sets(chances)
        assert sets.sum(axis=1).mean() < 1.5


def test_empty_sets_can_be_filled():
    chances = np.array([[0.4, 0.3, 0.3], [0.9, 0.05, 0.05]])
    sets = np.array([[False, False, False], [True, False, False]])
    assert without_empty_sets(sets, chances).tolist() == [[True, False, False], [True, False, False]]
    random = np.random.default_rng(2)
    assert fit_label_sets(*rows(random, 200), kind=RAPS).sets(rows(random, 200)[0]).any(axis=1).all()


def test_a_label_with_too_few_rows_is_always_in():
    chances, truth = rows(np.random.default_rng(3), 200)
    truth[truth == 5] = 0
    fitted = fit_label_sets(chances, truth, kind=BY_LABEL)
    assert fitted.sets(chances)[:, 5].all()


def test_too_few_rows_are_said():
    with pytest.raises(DataError, match="at least 9"):
        fit_label_sets(np.full((8, 2), 0.5), np.zeros(8, int))
