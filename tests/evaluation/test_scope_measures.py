"""Measures of what is out of scope, against their definitions."""

import numpy as np
import pytest

from metier.errors import EmptyDataError
from metier.evaluation.scope_measures import (
    aupr,
    auroc,
    fpr_at_kept,
    measure_scope,
    recall_at_kept,
    share_interval,
)


def scores():
    random = np.random.default_rng(0)
    # Rounded, so that there are ties.
    return np.round(random.normal(size=300), 1), np.round(random.normal(1.2, size=80), 1)


def test_areas_are_what_their_definitions_say():
    inside, outside = scores()
    truth, given = np.repeat([0, 1], [300, 80]), np.concatenate([inside, outside])
    pairs = outside[:, None] - inside[None, :]
    assert auroc(inside, outside) == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)
    # Each row out of scope counts the share of rows out of scope among those that score as high or higher.
    precisions = [truth[given >= one].mean() for one in outside]
    assert aupr(inside, outside) == pytest.approx(np.mean(precisions))


def test_the_cut_keeps_95_of_100_rows():
    inside, outside = np.arange(100.0), np.array([93.0, 94.0, 95.0, 99.0])
    assert recall_at_kept(inside, outside) == 0.5
    assert fpr_at_kept(inside, outside) == 0.5


def test_intervals_hold_the_value_and_rows_of_both_sorts_are_needed():
    found = measure_scope("auroc", *scores(), resamples=200)
    assert found.low < found.value < found.high
    with pytest.raises(EmptyDataError, match="found 300 and 0"):
        measure_scope("auroc", scores()[0], np.empty(0))


def test_a_share_has_its_exact_interval():
    found = share_interval(0, 10)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 10))
