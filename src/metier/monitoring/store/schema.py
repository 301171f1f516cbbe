"""The schema of a store: which it has, and the steps from an older one to the newest.

Each step is a file of `migrations/versions`, run by Alembic. All of them run in one transaction: a process that is killed
meanwhile leaves the store as it was.
"""

import pkgutil

from sqlalchemy import Column, Connection, MetaData, String, Table, func, insert, inspect, select

from metier.errors import WatchStoreError
from metier.monitoring.store.tables import METADATA
from metier.registry.database import Database

NEWEST = "0002"  # The last of the steps.
LOCK = 0x6D657469  # Of PostgreSQL: one process at a time changes tables.
# Of Alembic, under a name of our own: a database may hold tables of other programs that use it.
VERSIONS = Table("watch_schema", MetaData(), Column("version_num", String(32), primary_key=True))


def ready(database: Database) -> None:
    """Make the tables of a new store, or bring an older one to the newest schema.

    Raises
    ------
    WatchStoreError
        If a later version of Metier made the store, or its database cannot be used.
    """
    with database.reading() as connection:
        if _version(connection) == NEWEST:
            return
    with database.errors(), database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
        found = _version(connection)
        if found is None:
            METADATA.create_all(connection)
            VERSIONS.create(connection)
            connection.execute(insert(VERSIONS).values(version_num=NEWEST))
        elif found < NEWEST:
            pkgutil.resolve_name("metier.monitoring.store.upgrading:upgrade")(connection)
        elif found > NEWEST:
            where = database.engine.url.render_as_string(hide_password=True)
            raise WatchStoreError(
                f"The store of the watch, {where}, has the schema {found} of a later version of Metier; this one knows "
                f"{NEWEST} and older. Install the version that made it, or name another store. Nothing was changed."
            )


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSIONS.name):
        return None
    return connection.execute(select(VERSIONS.c.version_num)).scalar()
