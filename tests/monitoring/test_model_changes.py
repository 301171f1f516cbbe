"""Another version of a bundle: messages answered again, or a break; never two versions in one series."""

import threading

import pytest

from metier.monitoring.model_changes import follow_versions
from metier.monitoring.store.period_counts import PeriodCounts
from metier.monitoring.store.watch_store import WatchStore
from tests.watched import START, ListSource, WordAnswerer, message, settings, watch

DAY = int(START.timestamp() // 86_400)
DELAY, OTHER = (("topic", "delay"),), (("topic", "other"),)


@pytest.fixture
def store(tmp_path):
    opened = WatchStore(tmp_path / "watch.sqlite")
    yield opened
    opened.close()


def texts(n):
    return f"number {n * 7919:x} {n * 104729:x} is {('late', 'slow', 'fine')[n % 3]} {n * 1299709:x}"


def run(store, own, answerer, n):
    follow_versions(store, own, answerer)
    source = ListSource([message(one, text=texts(one)) for one in range(n)])
    return watch(store, [source], own, answerer=answerer).run_once(threading.Event())


def days(store, n):
    counted = PeriodCounts(store, "day")
    return [dict(counted.counts(DAY + day)) for day in range(n)], [
        counted.exchanged(DAY + day) for day in range(n)
    ]


def test_the_window_is_answered_again_and_no_series_steps(store, tmp_path):
    own = settings(tmp_path, by=["topic"], bundles={"topic": "unused"}, answer_again_days=2)
    run(store, own, WordAnswerer(), 96)
    second = WordAnswerer("slow", {"topic": "two"})
    run(store, own, second, 144)
    counts, exchanged = days(store, 6)
    assert all(day[DELAY] == 8 and day[OTHER] == 16 for day in counts)
    assert exchanged == [set(), {"topic"}, set(), set(), set(), set()]
    versions = {one.period: set(one.versions.values()) for one in store.counts() if one.series}
    assert versions == {DAY: {"one"}, **{DAY + day: {"two"} for day in range(1, 6)}}
    assert len([one for one in second.asked if "slow" in one]) > 0


def test_answering_again_is_gone_on_with_after_a_kill(store, tmp_path):
    own = settings(tmp_path, by=["topic"], bundles={"topic": "unused"})
    run(store, own, WordAnswerer(), 96)

    class Dies(WordAnswerer):
        def answer(self, texts, *, names=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow_versions(store, own, Dies(versions={"topic": "two"}))
    assert {one.versions.get("topic") for one in store.counts() if one.series} == {"one"}
    second = WordAnswerer("slow", {"topic": "two"})
    follow_versions(store, own, second)
    follow_versions(store, own, second)
    assert len(second.asked) == 96
    assert {one.versions.get("topic") for one in store.counts() if one.series} == {"two"}


def test_a_break_keeps_the_versions_apart(store, tmp_path):
    own = settings(
        tmp_path, by=["topic"], bundles={"topic": "unused"}, model_change="break", patience_hours=1e6
    )
    run(store, own, WordAnswerer(), 60)
    run(store, own, WordAnswerer("slow", {"topic": "two"}), 144)
    counts, exchanged = days(store, 6)
    assert [sum(day.get(one, 0) for one in (DELAY, OTHER)) for day in counts] == [24, 24, 12, 24, 24, 24]
    assert exchanged == [set(), set(), {"topic"}, set(), set(), set()]


def test_texts_that_were_not_kept_cannot_be_answered_again(store, tmp_path):
    own = settings(tmp_path, by=["topic"], bundles={"topic": "unused"}, text="none")
    run(store, own, WordAnswerer(), 60)
    second = WordAnswerer("slow", {"topic": "two"})
    assert follow_versions(store, own, second) == {"topic": "one"}
    assert second.asked == []
    assert days(store, 3)[1][2] == {"topic"}


def test_a_message_that_a_model_cannot_answer_is_stored_and_counted(store, tmp_path):
    own = settings(tmp_path, by=["topic"], bundles={"topic": "unused"})
    source = ListSource([message(1, text="it is late"), message(2, text="this cannot be said")])
    totals = watch(store, [source], own, answerer=WordAnswerer()).run_once(threading.Event())
    assert (totals.messages, totals.unanswered) == (2, 1)
    assert store.figures()["unanswered"] == 1
    assert [dict(one.series) for one in store.counts()] == [{"topic": "delay"}, {}]
