"""Surges judged period by period: nothing looks ahead, a new name is watched at once, alarms begin and end by a rule."""

from collections import Counter
from datetime import datetime

import numpy as np
import pytest

from metier.monitoring.budget import FalseAlarms
from metier.monitoring.judges.surge_watch import QUIET, SurgeWatch, shared
from metier.monitoring.judges.surges import SurgeJudge
from metier.monitoring.series import ALL, DAY, series_of
from metier.monitoring.signals import detector
from metier.monitoring.signals.confused_counts import Confusion

ALLOWED = FalseAlarms.of("1/year")
ACME, NEW = series_of({"company": "Acme"}), series_of({"company": "New"})


class Counts:
    """Counts in memory, which refuses to be asked about what comes later."""

    def __init__(self, rows, *, exchanged=None):
        self.rows, self.now, self._exchanged = rows, 0, exchanged or {}

    def first_period(self):
        return 0

    def counts(self, number):
        assert number <= self.now
        return self.rows[number]

    def exchanged(self, number):
        return self._exchanged.get(number, frozenset())

    def texts(self, series, first, last, *, most):
        assert last <= self.now
        return [f"{series} {number}" for number in range(first, last + 1)][:most]


def stream(days=200, *, companies=6, mean=4.0, seed=0):
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(days):
        row = Counter({series_of({"company": f"c{n}"}): int(random.poisson(mean)) for n in range(companies)})
        row[ALL] = sum(row.values())
        rows.append({series: count for series, count in row.items() if count})
    return rows


def judged(rows, *, restarts=(), **how):
    counted, found = Counts(rows, **how), []
    judge = SurgeJudge(false_alarms=ALLOWED)
    for number in range(len(rows)):
        if number in restarts:
            judge = SurgeJudge(false_alarms=ALLOWED)
        counted.now = number
        found += judge.judge(counted, number)
    return found


def surged(rows, days, count, series=ACME):
    return [row | ({series: count} if number in days else {}) for number, row in enumerate(rows)]


def test_a_judge_that_starts_again_says_the_same_and_none_looks_ahead():
    rows = surged(stream(), range(120, 127), 20)
    whole = judged(rows)
    assert whole
    assert judged(rows, restarts=(60, 121, 123, 130)) == whole
    cut = judged(rows[:125])
    assert cut == [one for one in whole if one.raised.timestamp() < 125 * 86_400 and not one.is_over]


def test_an_alarm_is_told_when_it_begins_and_once_more_when_it_is_over():
    rows = [row | {ACME: 5} for row in stream()]
    found = [one for one in judged(surged(rows, range(120, 140), 40)) if one.series == {"company": "Acme"}]
    first, last = found
    assert (first.since.timestamp() / 86_400, first.is_over, last.is_over) == (120, False, True)
    assert (first.fingerprint, first.since, first.raised) == (last.fingerprint, last.since, last.raised)
    assert first.facts["observed"] < last.facts["observed"]
    assert last.facts["low"] < 8 < last.facts["high"]
    assert first.facts["examples"]
    assert first.facts["smallest_found"] <= 3
    assert "times as many" in first.sentence


def test_a_new_name_is_watched_from_its_first_period():
    quiet = judged(surged(stream(), {120, 121}, 3, NEW))
    loud = judged(surged(stream(), {120}, 40, NEW))
    assert not [one for one in quiet if one.series == {"company": "New"}]
    [first, _] = [one for one in loud if one.series == {"company": "New"}]
    assert first.raised.timestamp() / 86_400 == 120
    assert first.facts["compared_with"] == "series of its kind"


TOPICS = Confusion(("fee", "card"), np.array([[0.7, 0.3], [0.1, 0.9]]), np.array([300.0, 300.0]))


def labelled_stream(*, days=160, begins=130, times=10):
    random, rows, truth = np.random.default_rng(3), [], []
    for day in range(days):
        true = random.poisson([3.0 * (times if begins <= day < begins + 7 else 1), 3.0])
        said = sum(random.multinomial(n, row) for n, row in zip(true, TOPICS.shares, strict=True))
        truth.append(true)
        rows.append(
            {series_of({"topic": name}): int(n) for name, n in zip(TOPICS.labels, said, strict=True) if n}
        )
    return rows, np.array(truth)


def test_the_alarm_of_a_label_has_its_corrected_count():
    rows, truth = labelled_stream()
    counted, judge = Counts(rows), SurgeJudge(false_alarms=ALLOWED, confusions={"topic": TOPICS})
    found = []
    for number in range(len(rows)):
        counted.now = number
        found += [one for one in judge.judge(counted, number) if one.series == {"topic": "fee"}]
    last = found[-1]
    assert last.is_over
    first, end = (
        int(datetime.fromisoformat(last.facts[name]).timestamp()) // 86_400 for name in ("since", "last")
    )
    true = int(truth[first : end + 1, 0].sum())
    corrected = last.facts["corrected"]
    assert last.facts["observed"] < 0.85 * true  # Three in ten are taken for cards.
    assert corrected["low"] < true < corrected["high"]
    assert corrected["value"] == pytest.approx(true, rel=0.12)
    assert "Corrected for what the model takes for what: " in found[0].sentence


def test_the_alarm_of_no_label_has_none():
    found = judged(surged(stream(), range(120, 127), 20))
    assert found[0].facts["corrected"] is None
    assert "Corrected" not in found[0].sentence


def test_an_exchanged_model_steps_no_series():
    def answered(days, mean):
        random = np.random.default_rng(1)
        return [{series_of({"topic": "fee"}): int(random.poisson(mean)), ALL: 40} for _ in range(days)]

    rows = answered(150, 4) + answered(60, 12)
    assert judged(rows)
    assert not judged(rows, exchanged={150: frozenset({"topic"})})


def test_false_alarms_of_series_with_and_without_a_past_keep_the_budget():
    random, days, raised = np.random.default_rng(2), 300, 0
    watch = SurgeWatch(period=DAY, false_alarms=FalseAlarms.of("1/month"), find=detector("quasi_cusum"))
    rates = random.gamma(0.5, 0.4, 300)
    born = random.integers(0, days, 300)
    for number in range(days):
        row = {
            series_of({"name": str(n)}): int(count)
            for n, count in enumerate(random.poisson(rates * (born <= number)))
            if count
        }
        raised += sum(not one.is_over for one in watch.step(number, row))
    assert raised <= 16  # 9 are allowed in 272 days; 17 or more have a probability below 1 % there.


def test_the_budget_is_shared():
    parts = shared(0.1, np.array([True, True, False]))
    assert parts.sum() == pytest.approx(0.1)
    assert parts.tolist() == pytest.approx([0.04, 0.04, 0.02])
    assert shared(0.1, np.array([False, False])).sum() == pytest.approx(0.1)


def test_periods_come_in_order():
    watch = SurgeWatch(period=DAY, false_alarms=ALLOWED, find=detector("quasi_cusum"))
    watch.step(7, {ALL: 1})
    with pytest.raises(ValueError, match="does not come after"):
        watch.step(9, {ALL: 1})
    assert QUIET[DAY] == 7
