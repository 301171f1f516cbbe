"""Queues of other schemas: older ones are brought to the newest with what they hold, newer ones are refused."""

import hashlib
import json
import sqlite3
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from metier.continual.queue import QueueStore
from metier.continual.queue.rounds import OF_TEXTS, Watched, key_of
from metier.continual.queue.tables import METADATA, SCHEMA
from metier.errors import QueueError
from metier.registry.upgrading import last_step, upgrade

PLAIN = hashlib.sha256(b"my card").hexdigest()[:32]
ITEM = (
    "INSERT INTO queue_items (queue, source, id, text, subject, added, round, rank, urgent, chance, needed, is_audit, "
    "reasons, facts, state, is_settled) "
    "VALUES (:queue, 'rows.csv', :id, 'my card', :subject, 1, 1, 0, 0, 0.5, 1, false, '[]', '{}', 'waiting', false)"
)
ROUND = "INSERT INTO queue_rounds VALUES (:queue, 1, 1.0, 'v1', 0, :answers)"


def make_older(url):
    """Make a database of the first schema with two queues, of which one has a row about somebody."""
    engine = create_engine(url)
    with engine.begin() as connection:
        upgrade(connection, SCHEMA, to="0001")
        for queue, subject in (("topic", None), ("tone", "d1")):
            connection.execute(text(ITEM), {"queue": queue, "id": PLAIN, "subject": subject})
            connection.execute(text(ROUND), {"queue": queue, "answers": json.dumps({PLAIN: "card"})})
    engine.dispose()


@pytest.fixture
def older(tmp_path):
    path = tmp_path / "older.sqlite"
    make_older(f"sqlite:///{path}")
    return path


def test_the_steps_end_with_the_newest_schema():
    assert last_step(SCHEMA) == SCHEMA.newest


def test_the_steps_make_the_tables_that_a_new_queue_has():
    with create_engine("sqlite://").begin() as connection:
        upgrade(connection, SCHEMA)
        context = MigrationContext.configure(connection, opts={"version_table": SCHEMA.version_table})
        assert compare_metadata(context, METADATA) == []


def test_an_older_queue_is_upgraded_and_keeps_no_plain_digests_in_its_rounds(older):
    topic, tone = (QueueStore(f"{older}#{name}") for name in ("topic", "tone"))
    assert [one.text for one in topic.items()] == [one.text for one in tone.items()] == ["my card"]
    [before] = topic.rounds()
    assert tone.rounds() == []  # Nobody knows whom its texts were about.
    topic.note_round("v2", [Watched(PLAIN, "loan")])
    [_, after] = topic.rounds()
    assert list(before.answers) == list(after.answers) != [PLAIN]  # The next round is compared with it.
    for store in (topic, tone):
        store.close()
    with closing(sqlite3.connect(older)) as connection:
        [(secret,)] = connection.execute(
            "SELECT value FROM queue_secrets WHERE name = ?", (OF_TEXTS,)
        ).fetchall()
        assert key_of(bytes.fromhex(secret), PLAIN) in before.answers
        assert connection.execute("SELECT version_num FROM queue_schema").fetchone() == (SCHEMA.newest,)


def test_a_newer_queue_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "queue.sqlite"
    QueueStore(path).close()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE queue_schema SET version_num = '0009'")
    with pytest.raises(QueueError, match=r"^The queue, sqlite:.*has the schema 0009 of a later version"):
        QueueStore(path)
