"""Cross-entropy and focal loss against sums by hand: smoothing, weights of classes, soft labels."""

import numpy as np
import pytest

from metier.training.objectives import cross_entropy
from metier.training.objectives.cross_entropy import balanced_weights
from metier.training.objectives.focal import focal

# Softmax of these: 1/2, 1/4, 1/4 and 1/10, 8/10, 1/10.
LOGITS = np.log([[2.0, 1.0, 1.0], [1.0, 8.0, 1.0]])
P = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]])


def test_cross_entropy_by_hand(given, batch_of):
    found = cross_entropy()(given(LOGITS), batch_of([0, 2]))
    assert float(found) == pytest.approx(-(np.log(0.5) + np.log(0.1)) / 2)


def test_smoothing_and_weights_by_hand(given, batch_of):
    weights = np.array([2.0, 1.0, 0.5])
    found = cross_entropy(label_smoothing=0.3, class_weights=weights)(given(LOGITS), batch_of([0, 2]))
    targets = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    # Divided by the rows, not by the weights that met: two batches of one row are one of two.
    assert float(found) == pytest.approx(-(weights * targets * np.log(P)).sum() / 2)


def test_soft_labels_by_hand(given, batch_of):
    soft = np.array([[0.6, 0.4, 0.0], [0.0, 0.5, 0.5]])
    found = cross_entropy()(given(LOGITS), batch_of(soft))
    assert float(found) == pytest.approx(-(soft * np.log(P)).sum() / 2)


def test_soft_labels_that_are_sure_are_labels(given, batch_of):
    for loss in (cross_entropy(label_smoothing=0.1), focal(focusing=1.5, label_smoothing=0.1)):
        hard = loss(given(LOGITS), batch_of([0, 2]))
        assert float(loss(given(LOGITS), batch_of(np.eye(3)[[0, 2]]))) == pytest.approx(float(hard))


def test_focal_by_hand(given, batch_of):
    found = focal(focusing=2.0, class_weights=np.array([1.0, 3.0, 1.0]))(given(LOGITS), batch_of([0, 1]))
    expected = -(0.5**2 * np.log(0.5) + 3 * 0.2**2 * np.log(0.8)) / 2
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_focal_without_focusing_is_cross_entropy(given, batch_of):
    batch = batch_of([1, 0])
    focused = focal(focusing=0.0, label_smoothing=0.2)(given(LOGITS), batch)
    assert float(focused) == pytest.approx(float(cross_entropy(label_smoothing=0.2)(given(LOGITS), batch)))


def test_balanced_weights_let_every_class_count_alike():
    truth = np.array([0, 0, 0, 2])
    weights = balanced_weights(truth, 3)
    assert weights.tolist() == pytest.approx([4 / 6, 0.0, 2.0])
    assert weights[truth].mean() == pytest.approx(1.0)
    assert balanced_weights(np.eye(3)[truth], 3) == pytest.approx(weights)


def test_focal_leaves_easy_rows_less_sure(taught):
    sure = {}
    for focusing in (0.0, 4.0):
        model, seen, _ = taught(lambda model, rows, f=focusing: focal(focusing=f))
        logits = model.logits(seen)
        share = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        sure[focusing] = share.max(axis=1).mean()
    assert sure[4.0] < sure[0.0] - 0.02


def test_class_weights_help_the_rare_class(taught):
    """Nine of ten rows of class 0 are left out; weighed up, the few there are are missed less."""
    losses = {}
    for balanced in (False, True):

        def rare(rows):
            kept = np.flatnonzero((rows.truth != 0) | (np.cumsum(rows.truth == 0) <= 1))
            return type(rows)([rows.ids[i] for i in kept], rows.truth[kept], rows.pad_id)

        def objective(model, rows, balanced=balanced, rare=rare):
            weights = balanced_weights(rare(rows).truth, 6) if balanced else None
            return cross_entropy(class_weights=weights)

        model, _, unseen = taught(objective, make_rows=rare)
        logits = model.logits(unseen)
        log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        losses[balanced] = -log_p[unseen.truth == 0, 0].mean()
    assert losses[True] < losses[False] - 0.02
