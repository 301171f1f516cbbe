"""A database that several processes write: SQLite in a file, or any that SQLAlchemy knows by its URL."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from metier.errors import CallError, MetierError, RegistryError

WAIT_SECONDS = 30.0  # For another process that writes.
# What to do by what a database says.
CURES = {
    "not a database": "Restore the file from a copy, or move it away and begin anew.",
    "malformed": "Restore the file from a copy, or move it away and begin anew.",
    "locked": "Another process has been writing for half a minute; try again.",
    "full": "Free some space, then try again.",
}
OTHER_CURE = "See that it runs, and that you may write to it."


@dataclass(frozen=True)
class Database:
    """A database with its tables, opened.

    Parameters
    ----------
    engine : Engine
    what : str
        What it holds, for messages: `registry`.
    first_table : str
        Locked by who writes, where a database locks tables.
    error : type of MetierError
        Raised where the database cannot be used.
    """

    engine: Engine
    what: str
    first_table: str
    error: type[MetierError] = RegistryError

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection of which one process at a time has one; all that is done is kept, or nothing."""
        with self.errors(), self.engine.begin() as connection:
            if self.engine.dialect.name == "postgresql":
                connection.execute(text(f"LOCK TABLE {self.first_table} IN EXCLUSIVE MODE"))
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that changes nothing, and waits for nobody who writes."""
        with self.errors(), self.engine.connect() as connection:
            yield connection.execution_options(only_reads=True)

    def empty_journal(self) -> None:
        """Take what was erased out of SQLite's journal, too, unless somebody reads it at this moment."""
        if self.engine.dialect.name == "sqlite":
            with self.errors(), closing(self.engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Say in a sentence what a database refuses, with what to do."""
        try:
            yield
        except DBAPIError as error:
            reason = str(error.orig).strip().splitlines()[0]
            where = self.engine.url.render_as_string(hide_password=True)
            cure = next((cure for sign, cure in CURES.items() if sign in reason), OTHER_CURE)
            raise self.error(
                f"The database of the {self.what}, {where}, cannot be used: {reason}. {cure} Nothing was changed."
            ) from error


def open_database(
    url: str,
    tables: MetaData,
    *,
    what: str,
    error: type[MetierError] = RegistryError,
    wait_seconds: float = WAIT_SECONDS,
) -> Database:
    """Give a database, its tables made where they are missing.

    Parameters
    ----------
    wait_seconds : float
        How long SQLite waits for another process that writes.

    Raises
    ------
    CallError
        If the URL is none, or names a database or a driver that is not known or not installed.
    MetierError
        The `error`, if the database cannot be used.
    """
    database = known_database(url, tables, what=what, error=error, wait_seconds=wait_seconds)
    with database.errors():
        tables.create_all(database.engine)
    return database


def known_database(
    url: str,
    tables: MetaData,
    *,
    what: str,
    error: type[MetierError] = RegistryError,
    wait_seconds: float = WAIT_SECONDS,
    **how: Any,
) -> Database:
    """Give a database whose tables are there, as `open_database` does, but make none and connect to nothing yet.

    Parameters
    ----------
    **how
        What else `sqlalchemy.create_engine` takes.
    """
    is_sqlite = url.startswith("sqlite")
    try:
        engine = create_engine(url, connect_args={"timeout": wait_seconds} if is_sqlite else {}, **how)
    except ModuleNotFoundError as missing:
        raise CallError(
            f"The database {shown_url(url)} needs the package {missing.name}, which is not installed. Install it with: "
            f"pip install {missing.name}"
        ) from None
    except (ArgumentError, NoSuchModuleError, ValueError):  # ValueError: a port that is no number.
        raise CallError(
            f"The database is {shown_url(url)!r}, which is no URL of one; expected a URL such as "
            "sqlite:///registry.sqlite or postgresql+psycopg://host/name."
        ) from None
    if is_sqlite:
        event.listen(engine, "connect", _settle_sqlite)
        event.listen(engine, "begin", _take_sqlite)
    return Database(engine, what, tables.sorted_tables[0].name, error)


def shown_url(url: str) -> str:
    """Give the URL of a database without its password; of what is no such URL, what stands before the password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return f"{url.partition('://')[0]}://…" if "://" in url else url


def lacks_table(url: str, name: str) -> bool:
    """Whether a database can be read and has no such table, so that it is of something else; nothing is made in it."""
    try:
        engine = create_engine(url)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError):
        return False  # Whoever opens it next says what is wrong.
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file and not Path(file).exists():
        return True  # SQLite would make it.
    try:
        return not inspect(engine).has_table(name)
    except SQLAlchemyError:
        return False
    finally:
        engine.dispose()


def _settle_sqlite(connection: object, _: object) -> None:
    """Survive a power cut, let readers read while one writes, and leave the beginning of transactions to us."""
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    # What is deleted is overwritten: a text that was erased is not found in the free pages of the file.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _take_sqlite(connection: Connection) -> None:
    """Wait for the writer before reading what is written then: it must still hold when it is written."""
    only_reads = connection.get_execution_options().get("only_reads", False)
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")
