"""One watch a store: a lock that the system, or the database, releases when its process ends."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sqlalchemy import func, select

from metier.errors import InUseError
from metier.file_locks import held
from metier.registry.database import Database

WATCH = 0x7761746368  # Of PostgreSQL's advisory locks.


def alone(database: Database) -> AbstractContextManager[None]:
    """Hold the lock of a store; raises `InUseError` where another process does."""
    path = database.engine.url.database
    if database.engine.dialect.name == "postgresql":
        return _alone_in_postgresql(database)
    file = Path(path or "watch")
    return held(file.with_name(f".{file.name}.lock"), what=file)


@contextmanager
def _alone_in_postgresql(database: Database) -> Iterator[None]:
    with database.engine.connect() as connection:
        with database.errors():
            is_free = connection.execute(select(func.pg_try_advisory_lock(WATCH))).scalar()
            connection.commit()
        if not is_free:
            raise InUseError(f"The store {database.engine.url.render_as_string(hide_password=True)}", {})
        yield
