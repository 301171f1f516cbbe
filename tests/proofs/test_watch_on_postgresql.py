"""The store of a watch on a real PostgreSQL server: the same as on SQLite, one watch at a time, older schemas upgraded."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, text

from metier.errors import InUseError
from metier.monitoring.model_changes import follow_versions
from metier.monitoring.series import DAY
from metier.monitoring.store.period_counts import PeriodCounts
from metier.monitoring.store.tables import SCHEMA
from metier.monitoring.store.watch_store import WatchStore
from metier.registry.upgrading import upgrade
from tests.real_servers import postgresql
from tests.watched import START, ListSource, WordAnswerer, message, settings, watch

# Connections of the pools are left to the end of the process.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]
pytest.importorskip("psycopg", reason="needs metier[postgresql]")


@pytest.fixture
def url():
    """The URL of a server of its own on this machine."""
    with postgresql() as found:
        yield found


def texts(n):
    words = ("it came late", "all is fine\0 \ud83d", "this cannot be said")[n % 3]
    return (
        "the same story that all agencies have sent today"
        if n % 10 == 0
        else f"{words} {n * 7919:x} {n * 104729:x}"
    )


def run(where, folder):
    """Watch, exchange the model, watch on, erase somebody and remove what is old; give all that the store holds then."""
    own = settings(folder, by=["company", "topic", ["company", "topic"]], bundles={"topic": "unused"})
    messages = [
        message(n, text=texts(n), by={"company": f"c{n % 3}"}, subject=f"somebody {n % 4}") for n in range(240)
    ]
    store = WatchStore(where)
    for end, word, version in ((120, "late", "one"), (240, "fine", "two")):
        answerer = WordAnswerer(word, {"topic": version})
        follow_versions(store, own, answerer)
        watch(store, [ListSource(messages[:end])], own, answerer=answerer).run_once(threading.Event())
    erased = store.erase("somebody 2")
    removed = store.remove_before(START + timedelta(days=2))
    counted = PeriodCounts(store, DAY)
    first = counted.first_period() or 0
    messages_left = [one for some in store.messages() for one in some]
    found = (
        erased,
        removed,
        [(one.number, one.id, one.text, one.copy_of, one.is_audit, one.answers) for one in messages_left],
        store.counts(),
        [counted.counts(first + day) for day in range(10)],
        [counted.exchanged(first + day) for day in range(10)],
        counted.texts((("company", "c1"), ("topic", "delay")), first, first + 10, most=5),
        store.figures(),
        store.last_closed(),
    )
    store.close()
    return found


def test_the_same_as_on_sqlite(url, tmp_path):
    assert run(url, tmp_path) == run(tmp_path / "watch.sqlite", tmp_path)


def test_one_watch_a_store(url):
    store, other = WatchStore(url), WatchStore(url)
    with store.watching(), pytest.raises(InUseError, match="is in use by another process"), other.watching():
        pass
    with other.watching():
        pass
    for one in (store, other):
        one.close()


def test_an_older_store_is_upgraded(url):
    engine = create_engine(url)
    with engine.begin() as connection:
        upgrade(connection, SCHEMA, to="0001")
        connection.execute(
            text(
                "INSERT INTO watch_messages (number, source, id, at, received, text, by, is_late, is_audit) "
                "VALUES (7, 'posts', 'a', 86400, 86401, 'a text', '{}', false, false)"
            )
        )
    engine.dispose()
    store = WatchStore(url)
    assert [one.text for some in store.messages() for one in some] == ["a text"]
    store.close()
