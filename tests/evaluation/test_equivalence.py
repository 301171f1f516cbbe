import numpy as np
import pytest
from scipy.stats import binom

from metier.evaluation import equivalent


def flipped(rows, only_a, only_b):
    truth = np.zeros(rows, dtype=int)
    a, b = truth.copy(), truth.copy()
    b[:only_a] = 1
    a[only_a : only_a + only_b] = 1
    return truth, a, b


def test_few_rows_cannot_prove_equivalence_even_without_a_flip():
    assert not equivalent(*flipped(597, 0, 0)).is_equivalent
    assert equivalent(*flipped(598, 0, 0)).is_equivalent


def test_equivalent_means_that_both_bounds_are_within_the_margin():
    for only_a, only_b in [(0, 0), (1, 1), (4, 0), (0, 6), (5, 5), (9, 2)]:
        found = equivalent(*flipped(2000, only_a, only_b))
        assert found.is_equivalent == (found.low >= -0.005 and found.high <= 0.005)
        assert found.flips == only_a + only_b
        assert found.difference == pytest.approx((only_a - only_b) / 2000)
        assert found.low < found.difference < found.high


def test_the_test_is_symmetric():
    found, mirrored = equivalent(*flipped(2000, 3, 7)), equivalent(*flipped(2000, 7, 3))
    assert (found.low, found.high) == pytest.approx((-mirrored.high, -mirrored.low))
    assert found.is_equivalent == mirrored.is_equivalent


def test_a_difference_of_the_margin_is_rarely_called_equivalent():
    rng = np.random.default_rng(15)
    samples = 600
    kinds, times = np.unique(rng.binomial(1000, 0.02, samples), return_counts=True)
    called = sum(
        count
        for only_a, count in zip(kinds, times, strict=True)
        if equivalent(*flipped(1000, only_a, 0), margin=0.02).is_equivalent
    )
    assert called <= binom.ppf(0.999, samples, 0.05)
    assert called > 0
    # Equivalence is found where there is no difference.
    assert equivalent(*flipped(1000, 2, 2), margin=0.02).is_equivalent
