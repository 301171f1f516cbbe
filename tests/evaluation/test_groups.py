"""Rows of one group are one unit: saying everything twice shows nothing more."""

import time

import numpy as np
import pytest

from metier.evaluation import bootstrap_interval, compare, comparison_of, interval_of
from metier.evaluation.groups import count_units, group_codes, sum_groups
from metier.evaluation.row_resampling import paired_samples

METRICS = ("accuracy", "macro_f1", "exact_match", "quadratic_kappa", "spearman", "set_micro_f1")


def rows_of(metric, rng, rows=60):
    numbers = rng.integers(0, 5, rows)
    others = [np.where(rng.random(rows) < right, numbers, rng.integers(0, 5, rows)) for right in (0.9, 0.5)]
    if metric == "exact_match":
        return [[str(one)] for one in numbers], *([str(one) for one in other] for other in others)
    if metric == "set_micro_f1":
        return tuple([[str(one)] for one in each] for each in (numbers, *others))
    return (numbers, *others)


def repeated(rows, times):
    return (
        np.repeat(rows, times) if isinstance(rows, np.ndarray) else [one for one in rows for _ in range(times)]
    )


@pytest.mark.parametrize("metric", METRICS)
def test_rows_said_five_times_are_as_uncertain_as_rows_said_once(metric):
    truth, first, second = rows_of(metric, np.random.default_rng(0))
    again = [repeated(one, 5) for one in (truth, first, second)]
    groups = np.repeat(np.arange(60) * 7, 5)
    once, grouped = interval_of(metric, truth, first), interval_of(metric, *again[:2], groups=groups)
    width = once.high - once.low
    assert (grouped.value, grouped.low, grouped.high) == pytest.approx(
        (once.value, once.low, once.high), abs=0.15 * width
    )
    alone = interval_of(metric, *again[:2])
    assert alone.high - alone.low < 0.7 * width


@pytest.mark.parametrize("metric", [one for one in METRICS if one != "spearman"])
def test_rows_said_five_times_show_no_more_of_a_difference(metric):
    rng = np.random.default_rng(1)
    truth, first, _ = rows_of(metric, rng)
    second = first.copy() if isinstance(first, np.ndarray) else list(first)
    wrong = [at for at in range(60) if first[at] != (truth[at][0] if metric == "exact_match" else truth[at])]
    for at in wrong[:3]:
        second[at] = truth[at][0] if metric == "exact_match" else truth[at]
    once = comparison_of(metric, truth, first, second)
    again = [repeated(one, 5) for one in (truth, first, second)]
    grouped = comparison_of(metric, *again, groups=np.repeat(np.arange(60), 5))
    alone = comparison_of(metric, *again)
    assert grouped.difference == pytest.approx(once.difference)
    # The mid-p of single rows counts ties by half.
    assert once.p_value * 0.8 < grouped.p_value < once.p_value * 2.2 + 0.02
    assert once.difference < 0
    assert alone.p_value < 0.3 * grouped.p_value


@pytest.mark.parametrize("metric", METRICS)
def test_samples_are_of_whole_groups_and_paired(metric):
    truth, first, second = (repeated(one, 5) for one in rows_of(metric, np.random.default_rng(2)))
    groups = np.repeat(np.arange(60), 5)
    single, grouped = (
        paired_samples(metric, truth, [first, first, second], resamples=400, groups=one)
        for one in (None, groups)
    )
    np.testing.assert_array_equal(grouped[0], grouped[1])
    assert grouped[0].std() == pytest.approx(np.sqrt(5) * single[0].std(), rel=0.25)


def test_a_single_row_each_is_no_group():
    assert group_codes(np.array([7, 3, 9]), 3) is None
    assert group_codes(None, 3) is None
    codes = group_codes(np.array([7, 3, 7, 9]), 4)
    assert codes.tolist() == [1, 0, 1, 2]
    assert (count_units(codes, 4), count_units(None, 4)) == (3, 4)
    assert sum_groups(np.array([[1.0], [2], [3], [4]]), codes).tolist() == [[2], [4], [4]]
    with pytest.raises(ValueError, match="2 groups for 3 rows"):
        group_codes(np.array([1, 2]), 3)


def test_all_right_in_five_groups_is_as_uncertain_as_five_rows():
    truth = np.zeros(50, dtype=int)
    found = bootstrap_interval("accuracy", truth, truth, groups=np.arange(50) // 10)
    assert (found.value, found.low) == (
        1,
        pytest.approx(bootstrap_interval("accuracy", truth[:5], truth[:5]).low),
    )


def test_one_group_alone_bounds_nothing():
    truth = np.zeros(20, dtype=int)
    found = bootstrap_interval("accuracy", truth, np.arange(20) % 2, groups=np.zeros(20, dtype=int))
    assert found.low < 0.1
    assert found.high > 0.9


def test_ten_thousand_rows_of_groups_take_seconds():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 20, 10_000)
    first, second = (np.where(rng.random(10_000) < 0.9, truth, 0) for _ in range(2))
    start = time.process_time()
    for metric in ("accuracy", "macro_f1"):
        compare(truth, first, second, metric=metric, groups=np.arange(10_000) // 4)
    assert time.process_time() - start < 8
