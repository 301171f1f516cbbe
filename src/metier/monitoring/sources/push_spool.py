"""Messages that were accepted and are not stored yet: a file of SQLite that holds them until the watch has them.

Whoever pushes is told "accepted" once they are on the disk here, so that neither a watch that is killed nor a store that
is full or locked loses any. They stand here as they came, personal data included, readable by the owner alone, and are
overwritten when they are removed.
"""

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from metier.errors import SourceError

TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS waiting (number INTEGER PRIMARY KEY AUTOINCREMENT, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS self (id TEXT NOT NULL);
"""


class PushSpool:
    """A queue on the disk.

    Parameters
    ----------
    path : Path
        Of the file, made where it is missing.

    Raises
    ------
    SourceError
        If it cannot be used.
    """

    def __init__(self, path: Path):
        self._path, self._lock = path, threading.Lock()
        with self._errors():
            path.touch(mode=0o600)
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=5)
            self._connection.executescript(TABLES)
            found = self._connection.execute("SELECT id FROM self").fetchone()
            self.id = found[0] if found else secrets.token_hex(8)
            if not found:
                self._connection.execute("INSERT INTO self VALUES (?)", (self.id,))
            self._waiting = self._connection.execute("SELECT count(*) FROM waiting").fetchone()[0]

    def __len__(self) -> int:
        return int(self._waiting)

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Put records on the disk, all or none; raises `sqlite3.Error` where it refuses."""
        rows = [(json.dumps(one),) for one in records]
        with self._lock, closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                cursor.executemany("INSERT INTO waiting (record) VALUES (?)", rows)
                cursor.execute("COMMIT")
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            self._waiting += len(rows)

    def after(self, number: int, most: int) -> list[tuple[int, Mapping[str, Any]]]:
        """Give records after a number, in the order in which they came."""
        asked = "SELECT number, record FROM waiting WHERE number > ? ORDER BY number LIMIT ?"
        with self._errors(), self._lock:
            found = self._connection.execute(asked, (number, most)).fetchall()
        return [(row[0], json.loads(row[1])) for row in found]

    def remove(self, number: int) -> None:
        """Remove what is stored elsewhere: all up to a number."""
        with self._errors(), self._lock:
            gone = self._connection.execute("DELETE FROM waiting WHERE number <= ?", (number,)).rowcount
            self._waiting -= gone

    def close(self) -> None:
        """Close the file, and empty its journal."""
        with self._lock:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise SourceError(
                f"The file {self._path} of pushed messages cannot be used ({error}). See that it can be written."
            ) from None
