"""Old rows that are kept to be learned again: the replay store, one SQLite file.

What it holds is personal data: subjects stand in it as keyed digests, texts may be masked, and `metier erase` reaches it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
)

from metier.errors import CallError, ReplayStoreError
from metier.registry.database import Database, lacks_table, open_database
from metier.text.duplicates import text_keys
from metier.text.personal_data import masked

METADATA = MetaData()
NUMBER = BigInteger().with_variant(Integer, "sqlite")
ROWS = Table(
    "replay_rows",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("key", String(16), nullable=False, unique=True),  # Of the text, before it was masked.
    Column("text", Text, nullable=False),
    Column("label", Text, nullable=False),  # Its name when the row came in.
    Column("subject", String(64), index=True),  # HMAC-SHA256 with the secret of the store.
    Column("is_masked", Boolean, nullable=False),
)
SECRETS = Table("replay_secrets", METADATA, Column("secret", LargeBinary, primary_key=True))
ERASED = Table(
    "replay_erased",
    METADATA,
    Column("subject", String(64), primary_key=True),
    Column("at", String(40), nullable=False),
)
DONE = Table("replay_updates", METADATA, Column("digest", String(64), primary_key=True))
AT_ONCE = 500


@dataclass(frozen=True)
class ReplayRow:
    """One row.

    Parameters
    ----------
    text, label : str
    subject : str or None
        Whom it is about; a digest where it comes out of the store.
    key : str or None
        Of the text before it was masked, where the row comes out of the store.
    """

    text: str
    label: str
    subject: str | None = None
    key: str | None = None

    @property
    def own_key(self) -> str:
        """The key of the text as it came."""
        return f"{text_keys([self.text])[0]:016x}" if self.key is None else self.key


class ReplayStore:
    """Rows of earlier updates.

    Parameters
    ----------
    path : Path
        The file; made where it is missing.

    Raises
    ------
    CallError
        If it lies where no store can be, or is the database of another program.
    ReplayStoreError
        If it cannot be used.
    """

    def __init__(self, path: Path):
        check_replay_place(path)
        self.path = path
        self._database: Database = open_database(
            f"sqlite:///{path}", METADATA, what="replay store", error=ReplayStoreError
        )
        self._secret = self._shared_secret()

    def close(self) -> None:
        """Let go of the file."""
        self._database.engine.dispose()

    def rows(self) -> list[ReplayRow]:
        """Give all rows, in the order in which they came."""
        with self._database.reading() as connection:
            found = connection.execute(select(ROWS).order_by(ROWS.c.number)).all()
        return [ReplayRow(one.text, one.label, one.subject, one.key) for one in found]

    def has(self, digest: str) -> bool:
        """Whether the rows of an update were put into it."""
        with self._database.reading() as connection:
            return connection.execute(select(DONE).where(DONE.c.digest == digest)).first() is not None

    def keep(self, rows: Sequence[ReplayRow], *, digest: str, mask: bool = False) -> None:
        """Let the store hold these rows and no others, in one transaction; rows of subjects that were erased are left out.

        Parameters
        ----------
        digest : str
            Of the update whose rows these are.
        rows : sequence of ReplayRow
            Those that came out of the store have digests for subjects already, see `sealed`.
        """
        records = [self._record(one, mask=mask) for one in rows]
        with self._database.writing() as connection:
            erased = set(connection.execute(select(ERASED.c.subject)).scalars())
            known = {one.key: one for one in connection.execute(select(ROWS)).all()}
            wanted = {one["key"]: one for one in records if one["subject"] not in erased}
            gone = [key for key in known if key not in wanted]
            for start in range(0, len(gone), AT_ONCE):
                connection.execute(delete(ROWS).where(ROWS.c.key.in_(gone[start : start + AT_ONCE])))
            fresh = [one for key, one in wanted.items() if key not in known]
            if fresh:
                connection.execute(insert(ROWS), fresh)
            connection.execute(delete(DONE).where(DONE.c.digest == digest))
            connection.execute(insert(DONE).values(digest=digest))

    def erase(self, subject: str) -> int:
        """Remove what is stored about somebody, and give how many rows that were; none of theirs is taken again."""
        digest = self.digest(subject)
        with self._database.writing() as connection:
            connection.execute(delete(ERASED).where(ERASED.c.subject == digest))
            connection.execute(insert(ERASED).values(subject=digest, at=datetime.now(UTC).isoformat()))
            return connection.execute(delete(ROWS).where(ROWS.c.subject == digest)).rowcount

    def digest(self, subject: str) -> str:
        """Give what stands for somebody in the store."""
        return hmac.new(self._secret, subject.strip().encode(errors="replace"), hashlib.sha256).hexdigest()

    def sealed(self, row: ReplayRow) -> ReplayRow:
        """Give a row with the digest of its subject."""
        return replace(row, subject=None if row.subject is None else self.digest(row.subject))

    def _record(self, row: ReplayRow, *, mask: bool) -> dict[str, Any]:
        return {
            "key": row.own_key,
            "text": masked(row.text).text if mask else row.text,
            "label": row.label,
            "subject": row.subject,
            "is_masked": mask,
        }

    def _shared_secret(self) -> bytes:
        with self._database.writing() as connection:
            found: bytes | None = connection.execute(select(SECRETS.c.secret)).scalar()
            if found is None:
                found = secrets.token_bytes(32)
                connection.execute(insert(SECRETS).values(secret=found))
            return found


def check_replay_place(path: Path) -> None:
    """Raise `CallError` where a replay store is not and cannot be made; nothing is changed there."""
    if path.is_dir():
        raise CallError(f"{path} is a folder, and a replay store is a file. Name one with --replay.")
    if not path.absolute().parent.is_dir():
        raise CallError(
            f"There is no folder {path.parent} for the replay store. Make it, or name another file."
        )
    if path.is_file() and path.stat().st_size and lacks_table(f"sqlite:///{path}", ROWS.name):
        raise CallError(
            f"{path} holds no replay store. Name the file that metier update was given with --replay. Nothing was changed."
        )


def erase_replayed(path: Path, subject: str) -> int:
    """Remove the rows of a subject from a replay store, and give how many that were; raises CallError without a store."""
    if not path.is_file() or not path.stat().st_size:
        raise CallError(
            f"There is no replay store at {path}. Name the file that metier update was given with --replay."
        )
    store = ReplayStore(path)
    try:
        return store.erase(subject)
    finally:
        store.close()
