"""Where a queue lies: a file or the URL of a database, with the name of one of several queues in it."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from metier.errors import CallError, QueueError

DEFAULT_NAME = "queue"
LONGEST_NAME = 100
OURS = ("queue_", "watch_")  # Tables beside which those of a queue may stand.
MOST_NAMED = 4


@dataclass(frozen=True)
class Place:
    """Where a queue lies.

    Parameters
    ----------
    database : str
        As it was named.
    name : str
    """

    database: str
    name: str

    @property
    def is_file(self) -> bool:
        """Whether it is an SQLite file."""
        return "://" not in self.database

    @property
    def url(self) -> str:
        """The URL of the database."""
        return f"sqlite:///{Path(self.database).resolve()}" if self.is_file else self.database


def read_place(where: Path | str, *, may_be_new: bool) -> Place:
    """Read where a queue lies, and look whether it may.

    Raises
    ------
    CallError
        If the file is missing and may not be made, or its folder is missing, or the name of the queue is too long.
    QueueError
        If the file is the database of another program.
    """
    database, _, name = str(where).rpartition("#")
    if not database or "/" in name:  # A folder's name may hold the sign, too.
        database, name = str(where), ""
    if len(name) > LONGEST_NAME:
        raise CallError(
            f"The name of a queue has at most {LONGEST_NAME} characters; found {len(name)}. Give a shorter one behind #."
        )
    place = Place(database, name or DEFAULT_NAME)
    if place.is_file:
        _check_file(Path(database), may_be_new=may_be_new)
    return place


def _check_file(path: Path, *, may_be_new: bool) -> None:
    if path.is_dir():
        raise CallError(f"The queue {path} is a folder. Name a file, such as {path / 'queue.sqlite'}.")
    if not path.exists():
        if not may_be_new:
            raise CallError(f"There is no queue {path}. Fill one with: metier queue {path} ROWS --model RUN")
        if not path.absolute().parent.is_dir():
            raise CallError(
                f"There is no folder {path.absolute().parent} for the queue {path.name}. Make it, or name another file."
            )
        return
    others = _tables(path)
    if others and not any(name.startswith(OURS) for name in others):
        named = ", ".join(others[:MOST_NAMED]) + (" …" if len(others) > MOST_NAMED else "")
        raise QueueError(
            f"The file {path} is the database of something else: it has the tables {named}, and none of a queue or a "
            "watch. Name another file. Nothing was changed."
        )
    if not may_be_new and not others and path.stat().st_size == 0:
        raise CallError(f"There is no queue {path}. Fill one with: metier queue {path} ROWS --model RUN")


def _tables(path: Path) -> list[str]:
    """Give the names of a file's tables, without a change to it; none where it cannot be read: who opens it says why."""
    asked = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return [str(row[0]) for row in connection.execute(asked)]
    except sqlite3.Error:
        return []
