"""Methods on drawn features: sums are exact, bounds are bounds, what is kept goes on as if nothing had come between."""

import numpy as np
import pytest

from metier.continual.update.class_statistics import ClassStatistics
from metier.continual.update.material import logits_of
from metier.continual.update.methods.method import Lesson, Needs
from metier.continual.update.methods.table import METHODS
from metier.continual.update.replay_choice import chosen_rows
from metier.continual.update.softmax_regression import Anchor, Head, Kept, Teacher, _Loss

N_LABELS, SIZE = 6, 8
SOURCES = [(0,), (1,), (2,), (), (), ()]


def drawn(seed, rows_a_label=60):
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((N_LABELS, SIZE)) * 2
    y = np.repeat(np.arange(N_LABELS), rows_a_label)
    return (centres[y] + random.standard_normal((len(y), SIZE))).astype(np.float32), y


@pytest.fixture(scope="module")
def taught():
    """Every method after the labels 0 to 2, and then 3 to 5."""
    features, y = drawn(1)
    first, second = np.flatnonzero(y < 3), np.flatnonzero(y >= 3)
    kept = first[chosen_rows(features[first], y[first], per_label=10)]
    olds = {Needs.NOTHING: None, Needs.SOME: kept, Needs.ALL: first}
    found = {}
    for name, method in METHODS.items():
        own = method().fit(Lesson(features[first], y[first]), n_labels=3).relabelled(SOURCES)
        places = olds[own.needs]
        old = None if places is None else Lesson(features[places], y[places])
        found[name] = own.update(Lesson(features[second], y[second]), old=old)
    return found


def accuracies(method):
    features, y = drawn(2)
    right = logits_of(method, features).argmax(axis=1) == y
    return right[y < 3].mean(), right[y >= 3].mean()


def test_naive_forgets_and_the_others_know_more(taught):
    old, new = accuracies(taught["naive.v1"])
    assert old < 0.5
    assert new > 0.9
    for name in ("streaming_lda.v1", "kernel_lda.v1", "nearest_mean.v1", "replay.v1", "joint.v1"):
        assert min(accuracies(taught[name])) > 0.85, name


@pytest.mark.parametrize("name", METHODS)
def test_what_is_kept_answers_and_learns_as_the_method_itself(taught, name):
    features, y = drawn(3, 20)
    read = METHODS[name].of_arrays(taught[name].arrays)
    np.testing.assert_allclose(
        logits_of(read, features), logits_of(taught[name], features), rtol=1e-3, atol=1e-2
    )
    before = (logits_of(read, features).argmax(axis=1) == y).mean()
    assert read.update(Lesson(features, y), old=Lesson(features, y)) is read
    assert (logits_of(read, features).argmax(axis=1) == y).mean() >= before - 0.01


@pytest.mark.parametrize("is_diagonal", [False, True])
def test_sums_do_not_depend_on_order_and_parts(is_diagonal):
    features, y = drawn(4)
    empty = ClassStatistics.of_nothing(N_LABELS, SIZE, is_diagonal=is_diagonal)
    whole, parts = empty.with_rows(features, y), empty
    for some in np.array_split(np.random.default_rng(0).permutation(len(y)), 7):
        parts = parts.with_rows(features[some], y[some])
    np.testing.assert_allclose(parts.scatter, whole.scatter, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(parts.means, whole.means, atol=1e-6)
    merged = whole.relabelled([(0, 1), (2,), (3,), (4,), (5,)])
    again = ClassStatistics.of_nothing(5, SIZE, is_diagonal=is_diagonal).with_rows(
        features, np.maximum(y - 1, 0)
    )
    np.testing.assert_allclose(merged.scatter, again.scatter, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(merged.means, again.means, atol=1e-6)


def test_the_gradient_is_that_of_the_loss():
    features, y = drawn(5, 5)
    random = np.random.default_rng(6)
    start = Head(random.standard_normal((SIZE, N_LABELS)), random.standard_normal(N_LABELS))
    point, importance = random.standard_normal((2, SIZE + 1, N_LABELS))
    given = random.dirichlet(np.ones(3), len(y))
    kept = Kept(anchor=Anchor(point, importance**2, 0.7), teacher=Teacher(given, np.array([0, 1, 2]), 0.5, 2.0))
    loss = _Loss(features.astype(np.float64), y, start, random.random(len(y)), 0.01, kept)
    vector = start.parameters.ravel()
    _, gradient = loss(vector)
    for place in range(0, len(vector), 7):
        step = np.zeros(len(vector))
        step[place] = 1e-5
        slope = (loss(vector + step)[0] - loss(vector - step)[0]) / 2e-5
        assert gradient[place] == pytest.approx(slope, abs=1e-6)


def test_herding_keeps_rows_whose_mean_is_nearer_than_by_chance():
    features, y = drawn(7)
    distances = {}
    for how in ("reservoir", "herding"):
        kept = chosen_rows(features, y, per_label=5, how=how)
        assert np.bincount(y[kept]).tolist() == [5] * N_LABELS
        distances[how] = sum(
            np.linalg.norm(features[kept][y[kept] == one].mean(0) - features[y == one].mean(0))
            for one in range(N_LABELS)
        )
    assert distances["herding"] < 0.5 * distances["reservoir"]
