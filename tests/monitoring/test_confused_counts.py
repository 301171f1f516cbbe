"""A surge of one topic that is taken for others is no surge of the others; counts are corrected, with an interval."""

import numpy as np
import pytest

from metier.monitoring.budget import FalseAlarms
from metier.monitoring.judges.surge_watch import SurgeWatch
from metier.monitoring.series import DAY, series_of
from metier.monitoring.signals import detector
from metier.monitoring.signals.confused_counts import (
    Confusion,
    confusion_of,
    corrected_counts,
    product_of,
    spilled,
    true_counts,
)

TOPICS = Confusion(("fee", "card"), np.array([[0.8, 0.2], [0.05, 0.95]]), np.array([400.0, 400.0]))
MOOD = Confusion(("good", "bad"), np.array([[0.85, 0.15], [0.1, 0.9]]), np.array([400.0, 400.0]))
BOTH = product_of(TOPICS, MOOD)
USUAL = np.array([8.0, 0.5, 6.0, 3.0])  # fee/good, fee/bad, card/good, card/bad a day


def test_true_counts_are_found_from_those_of_answers():
    truth = np.array([300.0, 20.0, 100.0, 40.0])
    assert true_counts(truth @ BOTH.shares, BOTH.shares) == pytest.approx(truth, rel=0.1, abs=3)


def test_the_interval_holds_the_true_counts():
    random, held = np.random.default_rng(0), []
    for draw in range(25):
        truth = random.poisson([60, 10, 40, 20])
        answered = sum(random.multinomial(n, row) for n, row in zip(truth, BOTH.shares, strict=True))
        found = corrected_counts(answered, BOTH, random_state=draw)
        held.append((found.low <= truth) & (truth <= found.high))
    assert np.mean(held) > 0.9


def test_what_is_taken_for_what_is_measured():
    random = np.random.default_rng(1)
    truth = random.integers(0, 2, 4_000)
    answered = np.where(random.random(4_000) < 0.2, 1 - truth, truth)
    assert confusion_of(truth, answered, ("a", "b")).shares == pytest.approx(
        np.array([[0.8, 0.2], [0.2, 0.8]]), abs=0.03
    )


def test_nothing_is_spilled_where_nothing_surges():
    expected = USUAL @ BOTH.shares
    more, variance = spilled(expected, expected, BOTH)
    assert more == pytest.approx(np.zeros(4), abs=1e-6)
    assert variance == pytest.approx(np.zeros(4), abs=1e-6)
    more, _ = spilled(np.array([40.0, 0, 0, 0]) @ BOTH.shares + expected, expected, BOTH)
    assert more[1] == pytest.approx(40 * BOTH.shares[0, 1], rel=0.25)


def raised(*, surging, times, confusions, seed):
    """Give the series that are raised in the days of a surge of one cell of true labels."""
    random = np.random.default_rng(seed)
    watch = SurgeWatch(
        period=DAY, false_alarms=FalseAlarms.of("1/year"), find=detector("cusum"), confusions=confusions
    )
    found = set()
    for day in range(130):
        mean = USUAL * np.where((np.arange(4) == surging) & (120 <= day < 127), times, 1.0)
        answered = sum(
            random.multinomial(n, row) for n, row in zip(random.poisson(mean), BOTH.shares, strict=True)
        )
        row = {
            series_of(dict(zip(("topic", "mood"), label.split("/"), strict=True))): int(count)
            for label, count in zip(BOTH.labels, answered, strict=True)
            if count
        }
        told = watch.step(day, row)
        found |= {"/".join(dict(one.series)[name] for name in ("topic", "mood")) for one in told if day >= 120}
    return found


def test_plain_counts_raise_falsely_where_topics_change_and_corrected_ones_do_not():
    both = {"topic": TOPICS, "mood": MOOD}
    plain = [raised(surging=0, times=8, confusions={}, seed=seed) for seed in range(8)]
    corrected = [raised(surging=0, times=8, confusions=both, seed=seed) for seed in range(8)]
    assert all("fee/good" in one for one in [*plain, *corrected])
    # Texts about fees are no worse than before: what is bad about them is what the model of moods gets wrong.
    assert sum("fee/bad" in one for one in plain) >= 7
    assert sum("fee/bad" in one for one in corrected) <= 1


def test_a_true_surge_is_still_found_where_counts_are_corrected():
    both = {"topic": TOPICS, "mood": MOOD}
    assert sum("fee/bad" in raised(surging=1, times=25, confusions=both, seed=seed) for seed in range(4)) >= 3
