"""Stores of other schemas: older ones are brought to the newest, newer ones are refused."""

import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, insert, select

from metier.errors import WatchStoreError
from metier.monitoring.store.tables import METADATA, REFUSED, SCHEMA
from metier.monitoring.store.watch_store import WatchStore
from metier.registry import upgrading
from metier.registry.upgrading import last_step, upgrade

FIRST = "0001"


@pytest.fixture
def older(tmp_path):
    """A store of the first schema with a message and a refused piece."""
    path = tmp_path / "older.sqlite"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, SCHEMA, to=FIRST)
        connection.exec_driver_sql(
            "INSERT INTO watch_messages (number, source, id, at, received, text, by, is_late, is_audit) "
            "VALUES (7, 'posts', 'a', 86400, 86401, 'a text', '{}', 0, 0)"
        )
        connection.execute(insert(REFUSED).values(source="posts", place="line 1", reason="No.", received=1.0))
    engine.dispose()
    return path


def test_the_steps_end_with_the_newest_schema():
    assert last_step(SCHEMA) == SCHEMA.newest


def test_the_steps_make_the_tables_that_a_new_store_has():
    with create_engine("sqlite://").begin() as connection:
        upgrade(connection, SCHEMA)
        context = MigrationContext.configure(connection, opts={"version_table": SCHEMA.version_table})
        assert compare_metadata(context, METADATA) == []


def test_an_older_store_is_upgraded_with_what_it_holds(older):
    store = WatchStore(older)
    [[message]] = store.messages()
    assert (message.number, message.id, message.text) == (7, "a", "a text")
    assert store.figures()["refused"] == 1
    with store.reading() as connection:
        assert connection.execute(select(SCHEMA.versions.c.version_num)).scalar() == SCHEMA.newest
    store.close()


def test_an_upgrade_that_fails_changes_nothing(older, monkeypatch):
    def fails(connection, schema):
        upgrade(connection, schema)
        raise KeyboardInterrupt

    monkeypatch.setattr(upgrading, "upgrade", fails)
    before = tables(older)
    with pytest.raises(KeyboardInterrupt):
        WatchStore(older)
    assert tables(older) == before
    monkeypatch.undo()
    WatchStore(older).close()
    assert tables(older) != before


def test_a_newer_store_is_refused_with_a_sentence_and_left_alone(tmp_path):
    path = tmp_path / "newer.sqlite"
    WatchStore(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE watch_schema SET version_num = '9999'")
    connection.close()
    with pytest.raises(
        WatchStoreError, match=r"has the schema 9999 of a later version of Metier; this one knows"
    ):
        WatchStore(path)


def tables(path):
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return found
