"""Detectors keep their budget on counts without a surge, and find planted ones; tails are those of scipy."""

import numpy as np
import pytest
from scipy import stats

from metier.errors import UnknownNameError, WrongTypeError
from metier.evaluation.many_comparisons import benjamini_hochberg
from metier.monitoring.alarms import size_of, smallest_found
from metier.monitoring.budget import FalseAlarms
from metier.monitoring.signals import DETECTORS, detector
from metier.monitoring.signals.detectors import farrington_bound, raised
from metier.monitoring.signals.expected_counts import Expected, Window, expected_counts
from metier.monitoring.signals.negative_binomial import log_likelihood, tail

DAYS, ALPHA = 500, 0.002


@pytest.fixture(scope="module")
def quiet():
    """Counts with a profile of weekdays that vary more than Poisson's, and what was expected of them."""
    random = np.random.default_rng(0)
    profile = np.exp(random.normal(0, 0.3, 7))[np.arange(DAYS) % 7]
    series = [
        random.poisson(random.gamma(10, mean * profile / 10)) for mean in (1, 4, 15, 40) for _ in range(5)
    ]
    return [(one, expected_counts(one, Window())) for one in series]


def test_the_tail_is_that_of_the_distribution():
    counts, mean, dispersion = np.arange(30), 4.0, 0.3
    size = 1 / dispersion
    wanted = stats.nbinom.sf(counts - 1, size, size / (size + mean))
    assert np.allclose(tail(counts, mean, dispersion), wanted)
    assert np.allclose(tail(counts, mean, 0.0), stats.poisson.sf(counts - 1, mean))
    likely = log_likelihood(counts, np.float64(mean), np.float64(dispersion))
    assert np.allclose(likely, stats.nbinom.logpmf(counts, size, size / (size + mean)))


@pytest.mark.parametrize(
    "name", ["quasi_cusum", "cusum", "negative_binomial", "benjamini_hochberg", "farrington"]
)
def test_the_budget_of_false_alarms_is_kept(quiet, name):
    found = sum(int(raised(detector(name), counts, expected, ALPHA).sum()) for counts, expected in quiet)
    tested = sum(int(np.isfinite(expected.mean).sum()) for _, expected in quiet)
    assert stats.binom.sf(found - 1, tested, ALPHA) > 0.01
    broken = sum(int(raised(DETECTORS["ears"], counts, expected, ALPHA).sum()) for counts, expected in quiet)
    assert broken > 5 * ALPHA * tested


@pytest.mark.parametrize("name", [name for name in DETECTORS if name != "dummy"])
def test_a_planted_surge_is_found(quiet, name):
    counts, _ = quiet[12]
    changed = counts.copy()
    changed[300:307] = 4 * counts[300:307] + 1
    expected = expected_counts(changed, Window())
    assert raised(detector(name), changed, expected, ALPHA)[300:307].any()


def test_the_interval_of_a_size_holds_it():
    random, held = np.random.default_rng(4), 0
    for _ in range(200):
        observed = int(random.poisson(random.gamma(20, 3 * 10 / 20)))
        found = size_of(observed, 10.0, 10.0 + 0.05 * 10.0**2)
        held += found.low <= 3 <= found.high
    assert held >= 180


def test_the_bound_is_that_of_the_paper():
    # Farrington et al. (1996), equation for the threshold: mean * (1 + 2/3 z sqrt(var) / mean) ** (3/2); for 10 expected
    # with Poisson's variance and an estimate without error the upper 0.5 % point of a count is between 19 and 20.
    [bound] = farrington_bound(np.array([10.0]), np.array([10.0]), np.array([0.005]))
    assert bound == pytest.approx(10 * (1 + 2 / 3 * 2.5758 * 10**0.5 / 10) ** 1.5, rel=1e-4)
    assert stats.poisson.sf(np.floor(bound), 10.0) < 0.01
    few = np.zeros((1, 28))
    few[0, -1] = 4
    assert not raised(DETECTORS["farrington"], few, Expected(few + 0.05, few * 0), 0.01).any()


def test_of_many_tests_that_move_together_more_are_raised():
    p_values = np.array([0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216])
    # Benjamini and Hochberg's procedure by hand: 0.008 <= 0.05 * 2 / 10, and no later one is below its bound.
    assert benjamini_hochberg(p_values, 0.05).sum() == 2
    assert benjamini_hochberg(np.full(10, 0.049), 0.05).all()
    assert not benjamini_hochberg(np.full(10, 0.051), 0.05).any()
    assert not len(benjamini_hochberg(np.zeros(0), 0.05))


def test_a_surge_of_the_past_hides_the_next_less():
    random = np.random.default_rng(1)
    counts = random.poisson(10, 300)
    surged = counts.copy()
    surged[200:210] += 60
    without, after = (expected_counts(one, Window()).mean[250] for one in (counts, surged))
    plain = surged[250 - 91 : 250 - 7].mean()
    assert abs(after - without) < 0.5 * (plain - without)


def test_smaller_surges_are_found_where_more_is_counted():
    sizes = [smallest_found(DETECTORS["cusum"], mean, 0.05, ALPHA) for mean in (1.0, 5.0, 50.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert smallest_found(DETECTORS["dummy"], 5.0, 0.05, ALPHA) is None


def test_what_cannot_be_known_is_no_alarm():
    short = expected_counts(np.ones(20, dtype=int), Window())
    assert not np.isfinite(short.mean).any()
    assert not any(raised(find, np.full(20, 9), short, 0.5).any() for find in DETECTORS.values())
    blank = Expected(np.zeros(5), np.zeros(5))
    assert not raised(DETECTORS["negative_binomial"], np.zeros(5, dtype=int), blank, 0.5).any()
    with pytest.raises(UnknownNameError, match="cusum"):
        detector("cusums")


def test_allowed_false_alarms_add_up_over_all_series():
    allowed = FalseAlarms.of("1/week")
    assert allowed.of_a_test(800, period="day") * 800 * 7 == pytest.approx(1)
    assert allowed.of_a_test(800, period="hour") * 800 * 24 * 7 == pytest.approx(1)
    for wrong in ("1", "0/week", "a/week", "1/fortnight", "-1/day"):
        with pytest.raises(WrongTypeError, match="1/week"):
            FalseAlarms.of(wrong)
