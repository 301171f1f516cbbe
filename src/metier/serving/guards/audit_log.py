"""The writer of an audit log: JSON lines, chained, appended under a lock that all workers share.

What is personal stands in no line: texts as HMACs under a key that lies beside the log, persons as random names. Whose
random name that is, and the key of the HMACs of that person's texts, lie in a table apart; erasing a person removes the
row, and the lines, which stay as they are, lead to nobody any more [1]_.

References
----------
.. [1] Schneier and Kelsey, "Secure audit logs to support computer forensics", 1999: chains and keys that are destroyed.
"""

import contextlib
import fcntl
import getpass
import hmac
import json
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from metier.errors import AuditLogError
from metier.serving.guards.audit_chain import BEGINNING, LONGEST_LINE, file_of, files_of, hash_of, line_of
from metier.serving.guards.settings import AuditSync
from metier.serving.refusals import RefusalError

LOG = logging.getLogger("metier.serving")
KEY, LOCK, SUBJECTS = "audit.key", ".audit.lock", "subjects.sqlite"
SYNC_SECONDS = 1.0
BUSY_SECONDS = 5.0  # A lock of the table of subjects is held for a moment at a time.


class AuditLog:
    """An audit log in a folder, which several processes may write at the same time.

    Parameters
    ----------
    folder : Path
        Made where it is missing, for its owner alone.
    file_bytes : int
        Size from which a new file is begun.
    days : int or None
        Days after which whole files are removed; None: never.
    sync : {"request", "second", "never"}
        When lines are written through to the disk: before the answer, within a second, or when the system likes.

    Raises
    ------
    AuditLogError
        If the folder cannot be used.
    """

    def __init__(
        self, folder: Path, *, file_bytes: int = 64_000_000, days: int | None = None, sync: AuditSync = "second"
    ):
        self.folder, self.sync, self._user = folder, sync, _user()
        self._file_bytes, self._days = file_bytes, days
        self._threads = threading.Lock()
        self._file, self._number, self._size, self._last = -1, 0, 0, BEGINNING
        self._is_dirty, self._ended = False, threading.Event()
        with _unusable(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with self._held():
                self._key = self._kept_key()
                self._subjects = self._open_subjects()
                self._open_newest()
                self._remove_old()
        if sync == "second":
            threading.Thread(target=self._flush_often, name="metier-audit", daemon=True).start()

    def close(self) -> None:
        """Write what is left through to the disk, and close."""
        self._ended.set()
        with self._threads:
            if self.sync != "never":
                os.fsync(self._file)
            os.close(self._file)
            os.close(self._lock)
            self._subjects.close()

    def write(self, kind: str, **facts: Any) -> None:
        """Append a line.

        Raises
        ------
        RefusalError
            503 `audit_full`, where the disk does not take it; the log is as it was.
        """
        try:
            with self._held():
                self._write(kind, facts)
        except OSError as error:
            _report(error)
            raise audit_full() from None
        if self.sync == "request":
            os.fsync(self._file)

    def digest(self, content: bytes, subject_key: bytes | None = None) -> str:
        """Give the HMAC of a content, under the key of a subject where there is one."""
        return hmac.digest(subject_key or self._key, content, "sha256").hex()

    def subject(self, name: str) -> tuple[str, bytes]:
        """Give the random name of a subject, made if it is new, and the key of the digests of its texts.

        Raises
        ------
        RefusalError
            503 `audit_full`, where the disk does not take it.
        """
        try:
            with self._threads:
                return self._named(self._whose(name))
        except sqlite3.Error as error:
            _report(error)
            raise audit_full() from None

    def forget(self, name: str) -> bool:
        """Destroy the key of a subject and what leads to its random name; gives whether there was one."""
        with self._threads:
            with self._subjects:
                done = self._subjects.execute("DELETE FROM subjects WHERE whose = ?", (self._whose(name),))
            self._subjects.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # Else the row would stay readable there.
        return done.rowcount > 0

    def _named(self, whose: bytes) -> tuple[str, bytes]:
        found = self._known(whose)
        if found is not None:
            return found
        name, key = secrets.token_hex(8), secrets.token_bytes(32)
        with self._subjects:
            self._subjects.execute("INSERT OR IGNORE INTO subjects VALUES (?, ?, ?)", (whose, name, key))
        return self._known(whose) or (name, key)  # Another worker may have been first.

    def _known(self, whose: bytes) -> tuple[str, bytes] | None:
        found = self._subjects.execute("SELECT name, key FROM subjects WHERE whose = ?", (whose,)).fetchone()
        return None if found is None else (str(found[0]), bytes(found[1]))

    def _whose(self, name: str) -> bytes:
        return hmac.digest(self._key, name.strip().encode("utf-8", "surrogatepass"), "sha256")

    def _write(self, kind: str, facts: dict[str, Any]) -> None:
        if os.fstat(self._file).st_size != self._size:
            self._catch_up()  # Another process wrote, or was killed while it did.
        self._append({"at": _now(), "kind": kind, **facts})
        if self._size >= self._file_bytes:
            self._append({"at": _now(), "kind": "end", "next": self._number + 1})
            self._begin(self._number + 1)
            self._remove_old()

    def _append(self, facts: dict[str, Any]) -> None:
        line = line_of(facts, self._last)
        try:
            written = os.write(self._file, line + b"\n")
            if written != len(line) + 1:
                raise OSError(28, os.strerror(28))
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(line) + 1
        self._last, self._is_dirty = hash_of(line), True

    def _open_newest(self) -> None:
        files = files_of(self.folder)
        if files:
            self._open(max(files))
            self._catch_up()
        else:
            self._begin(1)

    def _open(self, number: int) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        opened = os.open(file_of(self.folder, number), flags, 0o600)
        if self._file >= 0:
            if self.sync != "never":
                os.fsync(self._file)
            os.close(self._file)
        self._file, self._number, self._size = opened, number, 0

    def _begin(self, number: int) -> None:
        self._open(number)
        self._append({"at": _now(), "kind": "begin", "file": number, "by": self._user})

    def _catch_up(self) -> None:
        """Go on after the last whole line of the newest file; what a killed writer left behind it is cut, and told."""
        while True:
            size = os.fstat(self._file).st_size
            tail = os.pread(self._file, LONGEST_LINE, max(0, size - LONGEST_LINE))
            kept = tail[: tail.rfind(b"\n") + 1]
            torn = tail[len(kept) :]
            os.ftruncate(self._file, size - len(torn))
            self._size = size - len(torn)
            self._last = self._last_hash(kept)
            if not kept:
                self._append({"at": _now(), "kind": "begin", "file": self._number, "by": self._user})
            if torn:
                self._append({"at": _now(), "kind": "repair", "bytes": len(torn), "sha256": hash_of(torn)})
            if not kept or torn or json.loads(kept.splitlines()[-1]).get("kind") != "end":
                return
            self._open(self._number + 1)

    def _last_hash(self, kept: bytes) -> str:
        """Give the hash of the last of some lines; of none, that of the last line of the file before."""
        if kept:
            return hash_of(kept[:-1].rpartition(b"\n")[2])
        before = file_of(self.folder, self._number - 1)
        return hash_of(_last_line(before)) if before.exists() else BEGINNING

    def _remove_old(self) -> None:
        """Remove the files before the newest whose last line is too old; a line tells so first, with their last hashes."""
        if self._days is None:
            return
        oldest = (datetime.now(UTC) - timedelta(days=self._days)).isoformat()
        old: dict[int, str] = {}
        for number, path in files_of(self.folder).items():
            last = _last_line(path)
            if number == self._number or json.loads(last)["at"] >= oldest:
                break
            old[number] = hash_of(last)
        if old:
            self._append({"at": _now(), "kind": "retention", "days": self._days, "last_hashes": old})
            for number in old:
                file_of(self.folder, number).unlink()

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        with self._threads:
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _kept_key(self) -> bytes:
        path = self.folder / KEY
        with contextlib.suppress(FileExistsError):
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(made, secrets.token_hex(32).encode())
            os.fsync(made)
            os.close(made)
        return bytes.fromhex(path.read_text("ascii"))

    def _open_subjects(self) -> sqlite3.Connection:
        path = self.folder / SUBJECTS
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
        connection.execute("PRAGMA secure_delete = ON")  # What is erased is overwritten.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        table = (
            "CREATE TABLE IF NOT EXISTS subjects (whose BLOB PRIMARY KEY, name TEXT, key BLOB) WITHOUT ROWID"
        )
        with connection:
            connection.execute(table)
        return connection

    def _flush_often(self) -> None:
        while not self._ended.wait(SYNC_SECONDS):
            if not self._is_dirty:
                continue
            with self._threads:
                if self._ended.is_set():
                    return
                opened, self._is_dirty = os.dup(self._file), False
            try:
                os.fsync(opened)  # Without the lock: a disk can take its time.
            except OSError as error:
                _report(error)
            finally:
                os.close(opened)


def audit_full() -> RefusalError:
    """Give the refusal of a request that cannot be put down."""
    message = "The service cannot write its audit log, and answers nothing without. Ask whoever runs it; its log says why."
    return RefusalError(503, "audit_full", message, headers={"Retry-After": "30"})


@contextlib.contextmanager
def _unusable(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, sqlite3.Error) as error:
        fault = error.strerror or error if isinstance(error, OSError) else error
        raise AuditLogError(
            f"The audit log in {folder} cannot be used ({fault}). Name another folder, or see what is wrong with: "
            f"metier audit verify {folder}"
        ) from None


def _last_line(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LONGEST_LINE))
        return file.read().removesuffix(b"\n").rpartition(b"\n")[2]


def _report(error: Exception) -> None:
    LOG.error("the audit log cannot be written: %s", error.strerror if isinstance(error, OSError) else error)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container has users without a name.
        return str(os.getuid())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
