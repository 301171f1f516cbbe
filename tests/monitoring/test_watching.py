"""The watch over lists of messages."""

import threading
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import update

from metier.monitoring.findings import Finding
from metier.monitoring.store.tables import POSITIONS
from metier.monitoring.store.watch_store import WatchStore
from metier.monitoring.watch_metrics import WatchMetrics
from metier.monitoring.watching import Clock
from tests.watched import START, ListSource, message, settings, watch

NEVER = threading.Event()


@pytest.fixture
def store(tmp_path):
    opened = WatchStore(tmp_path / "watch.sqlite")
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr("metier.monitoring.turns.FIRST_WAIT_SECONDS", 0.01)


def stored(store):
    return [one for batch in store.messages() for one in batch]


class Noting:
    """A judge that notes what it is asked."""

    def __init__(self):
        self.asked = []

    def judge(self, counted, number):
        self.asked.append((number, dict(counted.counts(number))))
        return [Finding("surge", {}, "More than usual.", START, START)]


def test_stores_each_message_once_however_often_it_comes(store, tmp_path):
    source = ListSource([message(n % 20) for n in range(50)])
    totals = watch(store, [source], settings(tmp_path)).run_once(NEVER)
    assert totals.messages == 20 == len(stored(store))
    assert totals.known == 30
    assert source.acknowledged == [10, 20, 30, 40, 50]
    again = watch(store, [ListSource(source.messages, acknowledged=[])], settings(tmp_path)).run_once(NEVER)
    assert again.messages == 0
    assert store.position("list") == 50


def test_a_period_is_judged_once_when_it_is_over(store, tmp_path):
    judge = Noting()
    own = settings(tmp_path, by=["company"])
    source = ListSource([message(n, by={"company": "Acme"}) for n in range(72)])
    watch(store, [source], own, judges={"noting": judge}).run_once(NEVER)
    first = START.timestamp() // 86_400
    assert [number for number, _ in judge.asked] == [first, first + 1, first + 2]
    assert all(counts == {(): 24, (("company", "Acme"),): 24} for _, counts in judge.asked)
    watch(store, [source], own, judges={"noting": judge}).run_once(NEVER)
    assert len(judge.asked) == 3


def test_a_late_message_is_stored_and_counted_apart(store, tmp_path):
    own = settings(tmp_path, allowed_lateness_hours=0)
    messages = [*(message(n) for n in range(30)), message(100, at=START + timedelta(hours=1))]
    judge = Noting()
    totals = watch(store, [ListSource(messages, batch=30)], own, judges={"noting": judge}).run_once(NEVER)
    assert totals.late == 1
    assert [one.is_late for one in stored(store)] == [False] * 30 + [True]
    [first] = store.counts(last=judge.asked[0][0])
    assert (first.messages, first.late) == (24, 1)


def test_a_source_that_fails_is_a_finding_and_the_others_go_on(store, tmp_path):
    failing = ListSource([message(1, source="bad")], name="bad", fails=100)
    good = ListSource([message(n) for n in range(30)])
    totals = watch(store, [failing, good], settings(tmp_path)).run_once(NEVER)
    assert totals.messages == 30
    assert "bad cannot be reached" in totals.faults["bad"]
    assert totals.findings == 1


def test_copies_are_counted_both_ways(store, tmp_path):
    story = "Shares of the airline fell by a tenth on Tuesday after it cut its forecast."
    messages = [message(n, text=story if n % 2 else "") for n in range(24)]
    totals = watch(store, [ListSource(messages)], settings(tmp_path)).run_once(NEVER)
    assert totals.copies == 11
    [day] = store.counts()
    assert (day.messages, day.distinct) == (24, 13)


def test_a_date_in_the_future_is_refused_with_a_sentence(store, tmp_path):
    ahead = message(7, at=START + timedelta(days=36500), text="call me at anna@example.com")
    totals = watch(store, [ListSource([message(1), ahead])], settings(tmp_path)).run_once(NEVER)
    assert (totals.messages, totals.refused) == (1, 1)


def test_a_clock_that_is_set_back_is_said_and_refuses_no_message(store, tmp_path, monkeypatch):
    told = []

    class Observer:
        def took(self, *rest): ...
        def judged(self, *rest): ...
        def failed(self, what, error):
            told.append(str(error))

    now = [START.timestamp() + 90 * 3600]
    monkeypatch.setattr("metier.monitoring.watching.time.time", lambda: now[0])
    own = settings(tmp_path)
    watch(store, [ListSource([message(n) for n in range(80)])], own).run_once(NEVER)
    now[0] -= 40 * 3600
    again = ListSource([message(n) for n in range(90)])
    totals = watch(store, [again], own, observers=[Observer()]).run_once(NEVER)
    assert (totals.messages, totals.refused) == (10, 0)
    assert told == [
        "The clock of this machine is 144,000 s behind what it was. The time of the watch stands until it has caught up; "
        "set the clock right."
    ]


def test_a_source_that_has_nothing_new_does_not_stop_the_others_for_ever(store, tmp_path, monkeypatch):
    now = [START.timestamp() + 48 * 3600]
    monkeypatch.setattr("metier.monitoring.watching.time.time", lambda: now[0])
    judge, own = Noting(), settings(tmp_path, patience_hours=6, allowed_lateness_hours=1)
    sources = [
        ListSource([message(n) for n in range(48)]),
        ListSource([message(1, source="quiet")], name="quiet"),
    ]
    watch(store, sources, own, judges={"noting": judge}).run_once(NEVER)
    assert len(judge.asked) == 1  # 42 hours have passed for the quiet one.
    now[0] += 7.5 * 3600
    watch(store, sources, own, judges={"noting": judge}).run_once(NEVER)
    assert len(judge.asked) == 2


def test_it_stops_after_the_batch_that_is_being_stored(store, tmp_path):
    stop = threading.Event()

    class Source(ListSource):
        def acknowledge(self, position):
            super().acknowledge(position)
            stop.set()

    source = Source([message(n) for n in range(50)])
    assert watch(store, [source], settings(tmp_path)).run(stop).messages == 10
    assert store.position("list") == 10


def test_an_alarm_of_a_source_ends_when_it_can_be_read_again(store, tmp_path):
    source = ListSource([message(n) for n in range(10)], fails=4)
    own = settings(tmp_path)
    watch(store, [source], own).run_once(NEVER)
    stop = threading.Event()
    going_on = watch(store, [source], own)
    going_on.run_once(stop)
    assert going_on.totals.messages == 10


def test_metrics_count_what_was_done(store, tmp_path):
    registry = CollectorRegistry()
    story = "Shares of the airline fell by a tenth on Tuesday after it cut its forecast."
    source = ListSource([message(n, text=story if n % 2 else "") for n in range(20)])
    own = settings(tmp_path)
    watch(store, [source], own, observers=[WatchMetrics(registry)]).run_once(NEVER)
    assert registry.get_sample_value("metier_watch_messages_total", {"source": "list"}) == 20
    assert registry.get_sample_value("metier_watch_copies_total", {"source": "list"}) == 9
    assert registry.get_sample_value("metier_watch_lag_seconds", {"source": "list"}) > 0


def test_a_clock_that_was_far_ahead_stops_no_source(store, tmp_path):
    source = ListSource([message(n) for n in range(10)])
    watch(store, [source], settings(tmp_path)).run_once(NEVER)
    with store.writing() as connection:
        connection.execute(update(POSITIONS).values(stored=4_070_908_800))  # In 2099.
    source.messages = [message(n) for n in range(40)]
    source.fails = 2
    totals = watch(store, [source], settings(tmp_path)).run_once(NEVER)
    assert totals.messages == 30


def test_what_waits_is_due_in_its_time_though_the_clock_was_set_back(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    clock = Clock(4_070_908_800.0)
    now[0] += 30
    assert (clock.seconds(), clock.running_seconds()) == (4_070_908_800.0, 4_070_908_830.0)
    assert clock.is_set_back
