"""The store of a watch: what is kept, what is removed, and what is said where it cannot be used."""

import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select

from metier.errors import InUseError, WatchStoreError
from metier.monitoring.findings import Finding
from metier.monitoring.messages import Batch, Refused
from metier.monitoring.store.tables import FINDINGS
from metier.monitoring.store.watch_store import WatchStore
from tests.watched import START, ListSource, WordAnswerer, message, settings, watch

NEVER = threading.Event()


@pytest.fixture
def store(tmp_path):
    opened = WatchStore(tmp_path / "watch.sqlite")
    yield opened
    opened.close()


def run(store, tmp_path, messages, **given):
    own = settings(tmp_path, bundles={"topic": "unused"}, by=["topic"], **given)
    return watch(store, [ListSource(messages)], own, answerer=WordAnswerer()).run_once(NEVER)


def stored(store):
    return [one for batch in store.messages() for one in batch]


def all_bytes(folder):
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def test_texts_are_kept_without_personal_data(store, tmp_path):
    run(store, tmp_path, [message(1, text="I am late, write to anna.smith@example.com please")])
    [one] = stored(store)
    assert "anna" not in (one.text or "")
    assert "I am late" in (one.text or "")
    assert one.answers["topic"][0]["label"] == "delay"
    assert b"anna.smith" not in all_bytes(tmp_path)


def test_no_text_is_kept_where_none_is_wanted(store, tmp_path):
    run(store, tmp_path, [message(1, text="the parcel is late again")], text="none")
    assert stored(store)[0].text is None
    assert b"parcel is late" not in all_bytes(tmp_path)


def test_a_refused_piece_is_kept_once_with_its_reason(store, tmp_path):
    refused = Refused("list", "line 3", "line 3 is not JSON.", "mail anna.smith@example.com")

    class Source(ListSource):
        def read(self, position):
            yield Batch((), 1, (refused,))
            yield Batch((), 2, (refused,))

    own = settings(tmp_path)
    watch(store, [Source([])], own).run_once(NEVER)
    assert store.figures()["refused"] == 1
    assert b"anna.smith" not in all_bytes(tmp_path)


def test_a_person_is_erased_and_what_still_comes_from_before_is_not_stored(store, tmp_path):
    messages = [
        message(n, text=f"secret words {n * 7919:x} {n * 104729:x}", subject="Anna" if n % 2 else None)
        for n in range(20)
    ]
    run(store, tmp_path, messages)
    assert store.erase("Anna") == 10
    assert len(stored(store)) == 10
    assert not any(f"secret words {n * 7919:x} ".encode() in all_bytes(tmp_path) for n in range(1, 20, 2))
    again = [message(100 + n, text=one.text, at=one.at, subject=one.subject) for n, one in enumerate(messages)]
    later = message(200, at=datetime.now(UTC) + timedelta(minutes=1), subject="Anna")
    own = settings(tmp_path, bundles={"topic": "unused"}, by=["topic"])
    totals = watch(store, [ListSource([*again, later], name="other")], own, answerer=WordAnswerer()).run_once(
        NEVER
    )
    assert totals.messages == 11
    assert b"Anna" not in all_bytes(tmp_path)


def test_what_is_old_is_removed_and_counts_stay(store, tmp_path):
    run(store, tmp_path, [message(n) for n in range(600)])
    before = store.counts()
    assert store.remove_before(START + timedelta(hours=550)) == 550
    assert len(stored(store)) == 50
    assert store.counts() == before


def test_what_old_alarms_quote_is_removed_with_the_messages(store, tmp_path):
    run(
        store,
        tmp_path,
        [message(1, text="the parcel is late again", subject="Anna"), message(2, text="all is fine here")],
    )
    quoted = {"examples": ["the parcel is late again", "all is fine here"], "observed": 2}
    store.add_findings([Finding("surge", {}, "More than usual.", START, START, facts=quoted)])
    store.erase("Anna")
    assert facts(store) == [{"examples": ["all is fine here"], "observed": 2}]
    store.remove_before(START + timedelta(days=1))
    assert facts(store) == [{"examples": [], "observed": 2}]


def facts(store):
    with store.reading() as connection:
        return list(connection.execute(select(FINDINGS.c.facts)).scalars())


def test_a_batch_is_stored_whole_or_not_at_all(store, tmp_path):
    own = settings(tmp_path, bundles={"topic": "unused"}, by=["topic"])

    def fails(connection, cursor, statement, *rest):
        if "INTO watch_positions" in statement:
            raise sqlite3.OperationalError("database or disk is full")

    source = ListSource([message(n) for n in range(20)])
    event.listen(store.database.engine, "before_cursor_execute", fails)
    with pytest.raises(
        WatchStoreError, match=r"disk is full\. Free some space, then try again\. Nothing was changed"
    ):
        watch(store, [source], own, answerer=WordAnswerer()).run_once(NEVER)
    event.remove(store.database.engine, "before_cursor_execute", fails)
    assert stored(store) == [] == store.counts()
    assert source.acknowledged == []
    assert watch(store, [source], own, answerer=WordAnswerer()).run_once(NEVER).messages == 20


def test_a_watch_goes_on_when_the_store_can_be_used_again(store, tmp_path, monkeypatch):
    monkeypatch.setattr("metier.monitoring.watching.STORE_WAITS_SECONDS", (0.01,))
    own, stop = settings(tmp_path, poll_seconds=0.01), threading.Event()
    failures = []

    def fails(connection, cursor, statement, *rest):
        if "INTO watch_positions" in statement and len(failures) < 3:
            failures.append(statement)
            raise sqlite3.OperationalError("database is locked")

    class Source(ListSource):
        def acknowledge(self, position):
            super().acknowledge(position)
            if position == len(self.messages):
                stop.set()

    source = Source([message(n) for n in range(40)])
    event.listen(store.database.engine, "before_cursor_execute", fails)
    totals = watch(store, [source], own).run(stop)
    assert len(failures) == 3
    assert totals.messages == 40 == len(stored(store))
    assert [one.id for one in stored(store)] == [str(n) for n in range(40)]


def test_one_watch_a_store(store):
    with store.watching(), pytest.raises(InUseError, match=r"watch\.sqlite is in use"), store.watching():
        pass


def test_a_file_that_is_no_database_is_said(tmp_path):
    (tmp_path / "watch.sqlite").write_text("nothing of a database" * 100)
    with pytest.raises(WatchStoreError, match=r"not a database\. Restore the file from a copy"):
        WatchStore(tmp_path / "watch.sqlite")


def test_started_again_the_copies_and_numbers_go_on(store, tmp_path):
    messages = [
        message(n, text=f"the same story told once more {n % 5} of them {n % 5 * 7919:x}") for n in range(40)
    ]
    own = settings(tmp_path, patience_hours=1e6)
    whole = WatchStore(tmp_path / "whole.sqlite")
    watch(whole, [ListSource(messages)], own).run_once(NEVER)
    for end in (10, 20, 30, 40):
        watch(store, [ListSource(messages[:end])], own).run_once(NEVER)
    assert [(one.number, one.copy_of) for one in stored(store)] == [
        (one.number, one.copy_of) for one in stored(whole)
    ]
    assert store.counts() == whole.counts()
    whole.close()
