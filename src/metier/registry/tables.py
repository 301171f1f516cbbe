"""The tables of a registry: versions, what aliases point to, and every change with who made it and why."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from metier.errors import CallError, RegistryError

WAIT_SECONDS = 30  # For another process that writes.
# What to do by what a database says.
CURES = {
    "not a database": "Restore the file from a copy, or move it away and add the versions again.",
    "malformed": "Restore the file from a copy, or move it away and add the versions again.",
    "locked": "Another process has been writing for half a minute; try again.",
    "full": "Free some space, then try again.",
}
OTHER_CURE = "See that it runs, and that you may write to it."

METADATA = MetaData()
VERSIONS = Table(
    "registry_versions",
    METADATA,
    Column("name", String(100), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("origin", String(4_000), nullable=False),
    Column("gate", JSON),
    UniqueConstraint("name", "fingerprint"),
)
ALIASES = Table(
    "registry_aliases",
    METADATA,
    Column("name", String(100), primary_key=True),
    Column("alias", String(100), primary_key=True),
    Column("version", Integer, nullable=False),
)
EVENTS = Table(
    "registry_events",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", String(200), nullable=False),
    Column("action", String(20), nullable=False),
    Column("name", String(100), nullable=False),
    Column("alias", String(100)),
    Column("version", Integer, nullable=False),
    Column("before", Integer),
    Column("gate", String(20)),
    Column("is_forced", Boolean, nullable=False, default=False),
    Column("why", String(4_000), nullable=False, default=""),
)


def open_engine(url: str) -> Engine:
    """Give the engine of a database, its tables made where they are missing.

    Raises
    ------
    CallError
        If the URL is none, or names a database or a driver that is not known or not installed.
    RegistryError
        If the database cannot be used.
    """
    is_sqlite = url.startswith("sqlite")
    try:
        engine = create_engine(url, connect_args={"timeout": WAIT_SECONDS} if is_sqlite else {})
    except ModuleNotFoundError as error:
        raise CallError(
            f"The database {_shown(url)} needs the package {error.name}, which is not installed. Install it with: "
            f"pip install {error.name}"
        ) from None
    except (ArgumentError, NoSuchModuleError):
        raise CallError(
            f"The database is {url!r}, which is no URL of one; expected a URL such as sqlite:///registry.sqlite or "
            "postgresql+psycopg://host/name."
        ) from None
    if is_sqlite:
        event.listen(engine, "connect", _settle_sqlite)
        event.listen(engine, "begin", _take_sqlite)
    with _database_errors(engine):
        METADATA.create_all(engine)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection of which one process at a time has one; all that is done is kept, or nothing."""
    with _database_errors(engine), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"LOCK TABLE {VERSIONS.name} IN EXCLUSIVE MODE"))
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection that changes nothing."""
    with _database_errors(engine), engine.connect() as connection:
        yield connection


@contextmanager
def _database_errors(engine: Engine) -> Iterator[None]:
    """Say in a sentence what a database refuses, with what to do."""
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        where = engine.url.render_as_string(hide_password=True)
        cure = next((cure for sign, cure in CURES.items() if sign in reason), OTHER_CURE)
        raise RegistryError(
            f"The database of the registry, {where}, cannot be used: {reason}. {cure} Nothing was changed."
        ) from error


def _shown(url: str) -> str:
    return make_url(url).render_as_string(hide_password=True)


def _settle_sqlite(connection: object, _: object) -> None:
    """Survive a power cut, let readers read while one writes, and leave the beginning of transactions to us."""
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _take_sqlite(connection: Connection) -> None:
    """Wait for the writer before reading: what was read must still hold when it is written."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
