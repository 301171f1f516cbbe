"""Turns of conversations, kept in one SQLite file that several processes may use at once.

A conversation and the person that it is with stand in it as keyed digests, the words of turns without their personal
data unless they are to be kept as they came. What is erased is overwritten: in the pages of the file, and in the log of
changes beside it.
"""

import hashlib
import hmac
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from metier.errors import CallError, ConversationStoreError
from metier.text.personal_data import masked

WAIT_SECONDS = 5.0  # For another process that writes.
SECONDS_OF_A_DAY = 86_400.0
OURS = 0x6D65746D  # What marks a file as ours, in its header.
_TABLES = """
CREATE TABLE IF NOT EXISTS turns (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL,
    subject TEXT,
    role TEXT NOT NULL,
    content TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS turns_of ON turns (conversation, number);
CREATE INDEX IF NOT EXISTS turns_about ON turns (subject);
CREATE INDEX IF NOT EXISTS turns_at ON turns (at);
CREATE TABLE IF NOT EXISTS secrets (secret BLOB PRIMARY KEY);
"""


class StoreSettings(BaseModel, frozen=True, extra="forbid"):
    """What is kept of conversations, and for how long."""

    texts: Literal["masked", "plain"] = Field(
        default="masked", description="Keep turns without their personal data, or as they came."
    )
    days: int | None = Field(default=None, ge=1, description="Days after which turns are removed.")


class ConversationStore:
    """The store. Safe to share between threads and processes.

    Parameters
    ----------
    path : Path
        The file; made where it is missing.
    settings : StoreSettings, optional
    may_be_new : bool, default=True
        Whether the file may be made.

    Raises
    ------
    CallError
        If it lies where no store can be, or is the file of another program.
    ConversationStoreError
        If it cannot be used.
    """

    def __init__(self, path: Path, settings: StoreSettings | None = None, *, may_be_new: bool = True):
        self.path = path
        self.settings = settings or StoreSettings()
        _check_place(path, may_be_new=may_be_new)
        with self._connected() as connection:
            connection.executescript(_TABLES)
            connection.execute(f"PRAGMA application_id = {OURS}")
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("SELECT secret FROM secrets").fetchone() is None:
                connection.execute("INSERT INTO secrets VALUES (?)", (secrets.token_bytes(32),))
            self._secret: bytes = connection.execute("SELECT secret FROM secrets").fetchone()[0]
            connection.execute("COMMIT")

    def turns(self, conversation: str) -> list[dict[str, str]]:
        """Give the turns of a conversation as `{"role", "content"}`, the oldest first."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT role, content FROM turns WHERE conversation = ? AND at >= ? ORDER BY number",
                (self.digest(conversation), self._oldest()),
            ).fetchall()
        return [{"role": role, "content": content} for role, content in rows]

    def append(
        self, conversation: str, turns: Sequence[Mapping[str, str]], *, subject: str | None = None
    ) -> None:
        """Keep turns that follow those that are stored, in one transaction; what is too old is removed.

        Parameters
        ----------
        subject : str, optional
            Whom the conversation is with, to erase it by.
        """
        now, digest = time.time(), self.digest(conversation)
        person = None if subject is None else self.digest(subject)
        rows = [(digest, person, turn["role"], self._kept(turn["content"]), now) for turn in turns]
        with self._writing() as connection:
            connection.execute("DELETE FROM turns WHERE at < ?", (self._oldest(),))
            connection.executemany(
                "INSERT INTO turns (conversation, subject, role, content, at) VALUES (?, ?, ?, ?, ?)", rows
            )

    def erase(self, name: str) -> int:
        """Remove the conversation of a name, and all that is with the person of that name; give how many turns.

        Their words are overwritten, also in the log of changes.
        """
        digest = self.digest(name)
        with self._writing() as connection:
            gone = connection.execute(
                "DELETE FROM turns WHERE conversation = ? OR subject = ?", (digest, digest)
            ).rowcount
        self._clear_log()
        return gone

    def digest(self, name: str) -> str:
        """Give what stands for a conversation or a person in the store."""
        return hmac.new(self._secret, name.strip().encode(errors="replace"), hashlib.sha256).hexdigest()

    def kept(self, turn: Mapping[str, str]) -> dict[str, str]:
        """Give a turn as the store keeps it."""
        return {"role": turn["role"], "content": self._kept(turn["content"])}

    def _kept(self, content: str) -> str:
        return masked(content).text if self.settings.texts == "masked" else content

    def _oldest(self) -> float:
        days = self.settings.days
        return 0.0 if days is None else time.time() - days * SECONDS_OF_A_DAY

    def _clear_log(self) -> None:
        """Write the log of changes into the file and empty it, so that nothing of what was erased stays in it."""
        with self._connected() as connection:
            connection.execute("VACUUM")
            is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if is_busy:
            raise ConversationStoreError(
                f"What was erased from {self.path} is gone from the store, but a process that reads it keeps a copy in "
                "its log of changes. Erase again when it has ended."
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own: threads share none, and none is held while a model writes."""
        try:
            connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)
            try:
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute("PRAGMA journal_mode = WAL")
                yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise ConversationStoreError(
                f"The memory {self.path} cannot be used ({error}). Check that the disk is not full and the file may be "
                "written, or name another file."
            ) from error


def _check_place(path: Path, *, may_be_new: bool) -> None:
    """Raise `CallError` where a memory is not and cannot be made; nothing is changed there."""
    if path.is_dir():
        raise CallError(f"{path} is a folder, and a memory of conversations is a file. Name a file.")
    if not path.absolute().parent.is_dir():
        raise CallError(f"There is no folder {path.parent} for the memory. Make it, or name another file.")
    if not path.exists() and not may_be_new:
        raise CallError(f"There is no memory {path}. Name the file that --memory was given.")
    if path.exists() and path.stat().st_size and not _is_ours(path):
        raise CallError(
            f"{path} holds no memory of conversations. Name the file that --memory was given, or a new one. Nothing was "
            "changed."
        )


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(72)
    return head.startswith(b"SQLite format 3\0") and int.from_bytes(head[68:72], "big") == OURS


def erase_remembered(path: Path, name: str) -> int:
    """Erase a conversation, or all with a person, from a memory; raises as `ConversationStore` does."""
    return ConversationStore(path, may_be_new=False).erase(name)
