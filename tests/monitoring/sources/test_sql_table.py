"""A table is read once, row by row, also where lower numbers are committed after higher ones."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier.errors import MissingColumnError, SourceError
from metier.monitoring.sources import build_source
from metier.monitoring.sources.sql_table import SqlSettings
from tests.source_reading import Reading


class Reviews:
    """A table in a file of SQLite."""

    def __init__(self, path, columns="id INTEGER PRIMARY KEY, text TEXT, time TEXT, shop TEXT"):
        self.path = path
        self.run(f"CREATE TABLE reviews ({columns})")

    def run(self, statement, rows=((),)):
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.executemany(statement, rows)

    def add(self, *numbers):
        rows = [(number, f"text {number}", "2026-05-01 10:00", "north") for number in numbers]
        self.run("INSERT INTO reviews VALUES (?, ?, ?, ?)", rows)

    def reading(self, **more):
        more = {"columns": {"by": {"shop": "shop"}}, **more}
        source = build_source(SqlSettings(url=f"sqlite:///{self.path}", table="reviews", **more))
        return Reading(source)


@pytest.fixture
def reviews(tmp_path):
    return Reviews(tmp_path / "shop.sqlite")


def test_rows_are_read_in_batches_and_once(reviews):
    reviews.add(*range(1, 8))
    read = reviews.reading(batch_messages=3, zone="Asia/Shanghai")
    assert read() == [f"text {number}" for number in range(1, 8)]
    assert read() == []
    reviews.add(8)
    assert read() == ["text 8"]
    assert (read.messages[0].id, read.messages[0].by) == ("1", {"shop": "north"})
    assert read.messages[0].at.isoformat() == "2026-05-01T02:00:00+00:00"
    read.source.close()


def test_a_lower_number_that_is_committed_late_is_not_lost(reviews):
    reviews.add(1, 2, 5, 9)
    read = reviews.reading()
    read()
    reviews.add(4, 10)
    assert read() == ["text 4", "text 10"]
    reviews.add(3, 6, 8, 7)
    assert read() == ["text 3", "text 6", "text 7", "text 8"]
    assert read.position == {"last": 10, "gaps": [[-999, 0, read.position["gaps"][0][2]]]}
    read.source.close()


def test_missing_numbers_are_forgotten_after_a_while(reviews):
    reviews.add(1, 5)
    read = reviews.reading(late_seconds=0)
    read()
    reviews.add(3, 6)
    assert read() == ["text 6"]
    read.source.close()


@settings(max_examples=12, deadline=None)
@given(commits=st.permutations(range(1, 13)), cuts=st.sets(st.integers(0, 12)), size=st.integers(1, 5))
def test_in_whatever_order_rows_are_committed_each_comes_once(tmp_path_factory, commits, cuts, size):
    reviews = Reviews(tmp_path_factory.mktemp("rows") / "shop.sqlite")
    read = reviews.reading(batch_messages=size)
    start = 0
    for cut in (*sorted(cuts), 12):
        reviews.add(*commits[start:cut])
        read()
        start = cut
    assert sorted(int(message.id) for message in read.messages) == sorted(commits)
    read.source.close()


def test_bad_rows_are_refused_with_their_number(reviews):
    reviews.add(1)
    rows = [(2, None, "2026-05-01", ""), (3, "a", "soon", ""), (4, "x" * 2_000_000, "2026-05-01", "")]
    reviews.run("INSERT INTO reviews VALUES (?, ?, ?, ?)", rows)
    read = reviews.reading()
    assert read() == ["text 1"]
    assert ["reviews, id 2" in read.refused[0].place, "bytes" in read.refused[2].reason] == [True, True]
    assert len(read.refused) == 3
    read.source.close()


def test_what_cannot_be_read_is_said(reviews, tmp_path):
    with pytest.raises(MissingColumnError, match="has no column 'shops'"):
        reviews.reading(columns={"by": {"shop": "shops"}})()
    with pytest.raises(SourceError, match="has no table"):
        Reading(build_source(SqlSettings(url=f"sqlite:///{reviews.path}", table="none")))()
    with pytest.raises(SourceError, match="There is no database"):
        Reading(build_source(SqlSettings(url=f"sqlite:///{tmp_path}/none", table="none")))()
    assert not (tmp_path / "none").exists()
    with pytest.raises(SourceError, match="SQLAlchemy knows no database"):
        build_source(SqlSettings(url="nosuch://host/database", table="reviews"))


def test_a_number_that_is_none_is_said(tmp_path):
    reviews = Reviews(tmp_path / "shop.sqlite", "id TEXT, text TEXT, time TEXT, shop TEXT")
    reviews.add("a1")
    with pytest.raises(SourceError, match="expected whole numbers"):
        reviews.reading()()
