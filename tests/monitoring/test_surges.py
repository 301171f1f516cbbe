"""Detectors keep their budget on counts without a surge, and find planted ones; tails are those of scipy."""

import numpy as np
import pytest
from scipy import stats

from metier.errors import UnknownNameError, WrongTypeError
from metier.monitoring.alarms import alarms_of, smallest_found
from metier.monitoring.budget import FalseAlarms
from metier.monitoring.signals import DETECTORS, detector
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


@pytest.mark.parametrize("name", ["cusum", "negative_binomial"])
def test_the_budget_of_false_alarms_is_kept(quiet, name):
    found = sum(int(detector(name)(counts, expected, ALPHA).sum()) for counts, expected in quiet)
    tested = sum(int(np.isfinite(expected.mean).sum()) for _, expected in quiet)
    assert stats.binom.sf(found - 1, tested, ALPHA) > 0.01
    broken = sum(int(DETECTORS["ears"](counts, expected, ALPHA).sum()) for counts, expected in quiet)
    assert broken > 5 * ALPHA * tested


@pytest.mark.parametrize("name", ["cusum", "negative_binomial"])
def test_a_planted_surge_is_found_with_its_size(quiet, name):
    counts, _ = quiet[12]
    changed = counts.copy()
    changed[300:307] = 4 * counts[300:307] + 1
    expected = expected_counts(changed, Window())
    [alarm] = [
        one
        for one in alarms_of(("a",), changed, expected, detector(name)(changed, expected, ALPHA))
        if 300 <= one.raised < 307
    ]
    assert 290 <= alarm.since <= alarm.raised <= alarm.last
    assert alarm.low < 4 < alarm.high + 1.5
    assert alarm.times > 2


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
    assert not any(find(np.full(20, 9), short, 0.5).any() for find in DETECTORS.values())
    blank = Expected(np.zeros(5), np.zeros(5))
    assert not DETECTORS["negative_binomial"](np.zeros(5, dtype=int), blank, 0.5).any()
    with pytest.raises(UnknownNameError, match="cusum"):
        detector("cusums")


def test_allowed_false_alarms_add_up_over_all_series():
    allowed = FalseAlarms.of("1/week")
    assert allowed.of_a_test(800, period="day") * 800 * 7 == pytest.approx(1)
    assert allowed.of_a_test(800, period="hour") * 800 * 24 * 7 == pytest.approx(1)
    for wrong in ("1", "0/week", "a/week", "1/fortnight", "-1/day"):
        with pytest.raises(WrongTypeError, match="1/week"):
            FalseAlarms.of(wrong)
