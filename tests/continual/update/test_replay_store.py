"""A replay store lies in a file of its own: what cannot be one is said before anything is learned."""

import sqlite3

import pytest

from metier.continual.update.replay_store import ReplayRow, ReplayStore
from metier.errors import CallError


def test_an_empty_file_and_a_store_are_taken(tmp_path):
    path = tmp_path / "replay.sqlite"
    path.touch()
    store = ReplayStore(path)
    store.keep([ReplayRow("a lost card", "card")], digest="one")
    store.close()
    again = ReplayStore(path)
    assert [one.text for one in again.rows()] == ["a lost card"]
    again.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (".", "is a folder"),
        ("none/replay.sqlite", "There is no folder"),
        ("other.sqlite/replay.sqlite", "There is no folder"),
        ("other.sqlite", "holds no replay store"),
    ],
)
def test_what_is_no_store_stays_as_it_is(tmp_path, name, said):
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("create table notes (said)")
    connection.close()
    before = other.read_bytes()
    with pytest.raises(CallError, match=said):
        ReplayStore(tmp_path / name)
    assert other.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["other.sqlite"]
