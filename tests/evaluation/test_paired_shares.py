"""The interval is the one of Tango's score test, found in another way, and about holds its level; the test is exact."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import binomtest, norm

from metier.evaluation.paired_shares import PairedCounts


def upper_by_likelihood(more, less, rows, z):
    """The end where the score statistic is -z, the nuisance share found by maximising the likelihood."""

    def statistic(difference):
        def loss(q):
            p, rest = q + difference, 1 - 2 * q - difference
            parts = ((more, p), (less, q), (rows - more - less, rest))
            return -sum(count * np.log(max(share, 1e-300)) for count, share in parts if count)

        q = minimize_scalar(
            loss, bounds=(max(0, -difference), (1 - difference) / 2), method="bounded", options={"xatol": 1e-12}
        ).x
        return (more - less - rows * difference) / np.sqrt(rows * (2 * q + difference * (1 - difference)))

    return brentq(lambda difference: statistic(difference) + z, (more - less) / rows + 1e-6, 1 - 1e-6)


@pytest.mark.parametrize("counts", [(3, 1, 40), (9, 1, 50), (2, 2, 40), (1, 4, 90)])
def test_ends_are_those_of_the_score_test(counts):
    old, new, rows = counts
    found = PairedCounts(old, new, rows)
    assert found.high(0.95) == pytest.approx(upper_by_likelihood(new, old, rows, norm.ppf(0.95)), abs=1e-4)
    assert found.low(0.95) == pytest.approx(-upper_by_likelihood(old, new, rows, norm.ppf(0.95)), abs=1e-4)


def test_where_no_row_differs_rows_still_narrow_the_interval():
    z = norm.ppf(0.95)
    for rows in (10, 29, 400):
        assert PairedCounts(0, 0, rows).low(0.95) == pytest.approx(-(z**2) / (rows + z**2), abs=1e-9)
    assert np.isnan(PairedCounts(0, 0, 0).gain)
    assert PairedCounts(0, 0, 0).low(0.95) == -1


@pytest.mark.parametrize(
    ("lost", "won", "rows"), [(0.05, 0.05, 60), (0.12, 0.02, 40), (0.1, 0.0, 30), (0.02, 0.01, 500)]
)
def test_the_low_end_is_seldom_above_the_truth(lost, won, rows):
    draws = np.random.default_rng(0).multinomial(rows, [lost, won, 1 - lost - won], 2_000)
    above = [PairedCounts(int(old), int(new), rows).low(0.95) > won - lost for old, new, _ in draws]
    assert np.mean(above) <= 0.075


def test_a_fall_is_tested_exactly():
    assert PairedCounts(9, 2, 100).fall_p == pytest.approx(binomtest(2, 11, 0.5, alternative="less").pvalue)
    assert PairedCounts(0, 0, 100).fall_p == 1
