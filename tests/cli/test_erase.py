"""`metier erase` on what is no store of ours: it is said, and nothing of it is changed."""

import sqlite3

import pytest

from metier.cli.program import run

FLAGS = ("--watch", "--replay", "--queue")


@pytest.fixture
def foreign(tmp_path):
    """The database of another program."""
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("create table notes (said)")
    connection.close()
    return path


@pytest.mark.parametrize("flag", FLAGS)
def test_the_database_of_another_program_stays_as_it_is(foreign, flag, capsys):
    before = foreign.read_bytes()
    assert run(["erase", "--subject", "4711", flag, str(foreign)]) in (1, 2)
    assert "Nothing was changed" in capsys.readouterr().err
    assert foreign.read_bytes() == before


def test_a_folder_of_something_else_is_no_store_of_predictions(foreign, capsys):
    foreign.rename(foreign.with_name("predictions.sqlite"))
    assert run(["erase", "--subject", "4711", "--predictions", str(foreign.parent)]) == 2
    assert "There is no store of predictions" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--watch", "--queue", "--predictions"])
def test_no_password_of_a_url_is_said(flag, capsys):
    assert run(["erase", "--subject", "4711", flag, "nodb://me:hunter2@host/name"]) == 2
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--audit", "--replay"])
def test_a_url_in_place_of_a_path_is_not_repeated(flag, capsys):
    assert run(["erase", "--subject", "4711", flag, "postgresql://me:hunter2@host/name"]) == 2
    said = capsys.readouterr().err
    assert f"{flag} takes a path" in said
    assert "hunter2" not in said


def test_nobody_is_not_erased(foreign, capsys):
    assert run(["erase", "--subject", " ", "--watch", str(foreign)]) == 2
    assert "--subject is empty" in capsys.readouterr().err
