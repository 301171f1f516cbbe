"""The store of a watch: messages without personal data, answers, counts, positions and findings, in one database.

One process writes messages, as the watch holds a lock; others read, and write what is theirs (silences, labels). Whatever
is written is written in one transaction, or not at all.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, insert, select

from metier.data.output_files import make_folder
from metier.errors import CallError, InUseError, WatchStoreError
from metier.file_locks import held
from metier.monitoring.alerts.recording import record_findings
from metier.monitoring.findings import Finding
from metier.monitoring.messages import Message, Position
from metier.monitoring.store import batches, reading, removing
from metier.monitoring.store.reading import SourceState, WatchedMessage
from metier.monitoring.store.series_counts import SeriesCount, read_counts
from metier.monitoring.store.stored import StoredBatch
from metier.monitoring.store.tables import METADATA, PERIODS, SCHEMA, SECRETS, STATE
from metier.registry.database import Database, known_database, lacks_table, shown_url

WAIT_SECONDS = 30.0  # For another process that writes.
WATCH = 0x7761746368  # Of PostgreSQL's advisory locks.


class WatchStore:
    """A store of watched messages.

    Parameters
    ----------
    where : Path or str
        An SQLite file, made where it is missing; or the URL of a database, as SQLAlchemy writes it.
    may_be_new : bool, default=True
        Whether a store is made where there is none.
    wait_seconds : float
        How long SQLite waits for another process that writes.

    Raises
    ------
    CallError
        If there is none, and it may not be made.
    WatchStoreError
        If the database cannot be used, or a later version of Metier made it.
    """

    def __init__(self, where: Path | str, *, may_be_new: bool = True, wait_seconds: float = WAIT_SECONDS):
        self.url = store_url(where)
        if not may_be_new and lacks_table(self.url, SCHEMA.version_table):
            raise CallError(
                f"{shown_url(str(where))} holds no store of a watch. Name the file or URL that its settings have. Nothing "
                "was changed."
            )
        self.database = known_database(
            self.url, METADATA, what="watch", error=WatchStoreError, wait_seconds=wait_seconds
        )
        SCHEMA.ready(self.database)
        self._secret = bytes.fromhex(self.secret("subjects"))

    def writing(self) -> AbstractContextManager[Connection]:
        """Give a connection of which one process at a time has one; all that is done is kept, or nothing."""
        return self.database.writing()

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection that changes nothing, and waits for nobody who writes."""
        return self.database.reading()

    # Messages

    def add(self, batch: StoredBatch) -> None:
        """Store a batch with its position: all of it, or nothing."""
        digests = [
            None if one.message.subject is None else self.digest(one.message.subject) for one in batch.messages
        ]
        with self.writing() as connection:
            batches.write_batch(connection, batch, digests)

    def unknown(self, messages: Sequence[Message]) -> list[Message]:
        """Leave out messages that are stored, come twice, or are of somebody who was erased since they were written."""
        if not messages:
            return []
        with self.reading() as connection:
            known = reading.known_ids(connection, messages[0].source, [one.id for one in messages])
            digests = {one.subject: self.digest(one.subject) for one in messages if one.subject is not None}
            erased = batches.erased_since(connection, set(digests.values()))
        first = {one.id: one for one in reversed(messages) if one.id not in known}
        return [
            one
            for one in messages
            if first.get(one.id) is one
            and (one.subject is None or one.at.timestamp() > erased.get(digests[one.subject], -np.inf))
        ]

    def messages(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        after: int = 0,
        batch_rows: int = 1_000,
    ) -> Iterator[list[WatchedMessage]]:
        """Give messages with their answers in batches, in the order of storing.

        Parameters
        ----------
        since, until : datetime or None
            Written at this time or later, and before that one.
        after : int, default=0
            Stored after the one of this number.
        """
        while True:
            with self.reading() as connection:
                batch = reading.messages(connection, since=since, until=until, after=after, most=batch_rows)
            if not batch:
                return
            yield batch
            after = batch[-1].number

    def count_messages(self, *, since: datetime | None = None) -> int:
        """Give how many messages there are, or were written at a time or later."""
        with self.reading() as connection:
            return reading.count_messages(connection, since=since)

    def originals(self, most: int) -> tuple[np.ndarray, list[float], list[int]]:
        """Give sketches, times and numbers of the last originals, as `RecentCopies.add` takes them."""
        with self.reading() as connection:
            return reading.originals(connection, most)

    def next_number(self) -> int:
        """Give the number of the next message."""
        return int(self.state(batches.NEXT_NUMBER) or 1)

    # Sources

    def position(self, source: str) -> Position | None:
        """Give where to go on in a source; None: from the beginning."""
        found = self.sources().get(source)
        return None if found is None else found.position

    def sources(self) -> dict[str, SourceState]:
        """Give what is stored of each source."""
        with self.reading() as connection:
            return reading.sources(connection)

    # Periods, counts and findings

    def last_closed(self) -> int | None:
        """Give the last period that was judged."""
        with self.reading() as connection:
            return connection.execute(select(func.max(PERIODS.c.period))).scalar()

    def close_periods(self, judged: Mapping[int, Sequence[Finding]], *, at: datetime) -> list[int]:
        """Store that periods were judged, with what was found in each; gives the numbers of the findings."""
        with self.writing() as connection:
            rows = [{"period": period, "closed": at.timestamp()} for period in judged]
            connection.execute(insert(PERIODS), rows)
            return record_findings(connection, [one for findings in judged.values() for one in findings])

    def add_findings(self, findings: Sequence[Finding]) -> list[int]:
        """Store what was found outside of a period's end, such as a source that fails; gives the numbers."""
        with self.writing() as connection:
            return record_findings(connection, findings)

    def counts(self, *, first: int | None = None, last: int | None = None) -> list[SeriesCount]:
        """Give the counts of periods, those of all versions."""
        with self.reading() as connection:
            return read_counts(connection, first=first, last=last)

    # What the watch knows

    def state(self, name: str) -> Any:
        """Give what is known under a name; None: nothing."""
        with self.reading() as connection:
            return batches.state(connection, name)

    def set_state(self, name: str, value: Any) -> None:
        """Know a JSON value under a name."""
        with self.writing() as connection:
            batches.put(connection, STATE, {"name": name, "value": value})

    def figures(self) -> Mapping[str, int]:
        """Give how many messages, copies, late ones, refused pieces and unanswered messages there are."""
        with self.reading() as connection:
            return reading.figures(connection)

    def watching(self) -> AbstractContextManager[None]:
        """Be the one watch that writes to this store.

        Raises
        ------
        InUseError
            If another process is.
        """
        return _alone(self.database)

    # What is removed

    def digest(self, subject: str) -> str:
        """Give what stands for somebody in the store: HMAC-SHA256 with a secret of the store."""
        return hmac.new(self._secret, subject.strip().encode(errors="replace"), hashlib.sha256).hexdigest()

    def erase(self, subject: str) -> int:
        """Remove whatever is stored about somebody, and give how many messages that were; counts stay."""
        with self.writing() as connection:
            erased = removing.erase(connection, self.digest(subject), at=datetime.now(UTC))
        self.database.empty_journal()
        return erased

    def remove_before(self, time: datetime) -> int:
        """Remove messages, answers and refused pieces older than a time, and give how many messages; counts stay."""
        removed = 0
        while True:
            with self.writing() as connection:
                n = removing.remove_some(connection, time)
            removed += n
            if n < removing.AT_ONCE:
                return removed

    def secret(self, name: str) -> str:
        """Give a secret of the store, 64 hexadecimal digits, made by whoever asks first."""
        asked = select(SECRETS.c.value).where(SECRETS.c.name == name)
        with self.reading() as connection:
            known = connection.execute(asked).scalar()
        if known is None:
            with self.writing() as connection:
                known = connection.execute(asked).scalar()
                if known is None:
                    known = secrets.token_hex(32)
                    connection.execute(insert(SECRETS).values(name=name, value=known))
        return str(known)

    def close(self) -> None:
        """Close the connections to the database."""
        self.database.engine.dispose()


def store_url(where: Path | str) -> str:
    """Give the URL of a store: of an SQLite file, whose folder is made, or itself where it is one."""
    if isinstance(where, str) and "://" in where:
        return where
    path = Path(where).absolute()
    if path.is_dir():
        raise CallError(
            f"{where} is a folder, and a store is a file. Name one in it, such as {path / 'watch.sqlite'}."
        )
    make_folder(path.parent)
    return f"sqlite:///{path}"


def erase_watched(where: str, subject: str) -> int:
    """Remove what a watch has stored about somebody, and give how many messages that were.

    Parameters
    ----------
    where : str
        The SQLite file of the store, or the URL of its database.

    Raises
    ------
    CallError
        If there is no store.
    WatchStoreError
        If it cannot be used.
    """
    if "://" not in where and not Path(where).is_file():
        raise CallError(
            f"There is no store of a watch at {where}. Name the file or URL that its settings have."
        )
    store = WatchStore(where, may_be_new=False)
    try:
        return store.erase(subject)
    finally:
        store.close()


def _alone(database: Database) -> AbstractContextManager[None]:
    """Hold the lock of a store; raises `InUseError` where another process does."""
    path = database.engine.url.database
    if database.engine.dialect.name == "postgresql":
        return _alone_in_postgresql(database)
    file = Path(path or "watch")
    return held(file.with_name(f".{file.name}.lock"), what=file)


@contextmanager
def _alone_in_postgresql(database: Database) -> Iterator[None]:
    with database.engine.connect() as connection:
        connection.detach()  # Closed with its lock, and not given back to a pool.
        with database.errors():
            is_free = connection.execute(select(func.pg_try_advisory_lock(WATCH))).scalar()
            connection.commit()
        if not is_free:
            raise InUseError(f"The store {database.engine.url.render_as_string(hide_password=True)}", {})
        yield
