"""Weights of scores and the interval around their sum; sets of labels of members that see different things."""

import numpy as np
import pytest

from metier.errors import DataError
from metier.fusion.label_average import fit_label_average
from metier.fusion.score_average import fit_score_average


def test_what_knows_more_weighs_more_and_the_interval_holds_what_it_promises():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=600)
    good, poor = truth + rng.normal(scale=0.2, size=600), truth + rng.normal(scale=1.0, size=600)
    fit = fit_score_average([good[:300], poor[:300]], truth[:300], coverage=0.9)
    assert fit.weights[0] > 3 * fit.weights[1] > 0
    errors = truth[300:] - np.dot(fit.weights, [good[300:], poor[300:]])
    assert np.abs(errors).mean() < np.abs(truth[300:] - (good + poor)[300:] / 2).mean()
    assert np.mean(np.abs(errors) <= fit.half_width) == pytest.approx(0.9, abs=0.05)


def test_members_that_know_different_labels_make_better_sets_together():
    rng = np.random.default_rng(0)
    truth = rng.random((400, 2)) < 0.4
    sure, blind = np.where(truth, 0.9, 0.1), np.full(truth.shape, 0.4)
    members = [
        np.column_stack([sure[:, 0], blind[:, 1]]),
        np.column_stack([blind[:, 0], sure[:, 1]]),
    ]
    fit = fit_label_average(members, truth, labels=("a", "b"))
    assert fit.held_out_sets == [
        [label for label, own in zip("ab", row, strict=True) if own] for row in truth.tolist()
    ]
    assert fit.held_out[truth].min() > 0.9


def test_a_handful_of_rows_is_refused():
    with pytest.raises(DataError, match="10 validation rows"):
        fit_score_average([[1.0, 2.0]], [1.0, 2.0], coverage=0.9)
    with pytest.raises(DataError, match="10 validation rows"):
        fit_label_average([np.ones((2, 1)) / 2], np.ones((2, 1), dtype=bool), labels=("a",))
