"""The schema of a database: which it has, and the steps from an older one to the newest.

Each step is a file in the folder `versions` of a schema's steps, run by Alembic. All of them run in one transaction: a
process that is killed meanwhile leaves the database as it was.
"""

import pkgutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, func, insert, inspect, select

from metier.registry.database import Database

LOCK = 0x6D657469  # Of PostgreSQL: one process at a time changes tables.


@dataclass(frozen=True)
class Schema:
    """The tables of a store in all the forms that they have had.

    Parameters
    ----------
    tables : MetaData
        Of the newest schema.
    newest : str
        The last of the steps.
    version_table : str
        As Alembic has it, under a name of our own: a database may hold tables of other programs that use it.
    steps : Path
        A folder with `versions`.
    what : str
        What the tables are, for messages: `The queue`.
    """

    tables: MetaData
    newest: str
    version_table: str
    steps: Path
    what: str

    @cached_property
    def versions(self) -> Table:
        """The table of the version, in which one row stands."""
        return Table(self.version_table, MetaData(), Column("version_num", String(32), primary_key=True))

    def ready(self, database: Database) -> None:
        """Make the tables of a new store, or bring an older one to the newest schema.

        Raises
        ------
        MetierError
            The `error` of the database: if a later version of Metier made the store, or it cannot be used.
        """
        with database.reading() as connection:
            if self.version(connection) == self.newest:
                return
        with database.errors(), database.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
            found = self.version(connection)
            if found is None:
                self.tables.create_all(connection)
                self.versions.create(connection)
                connection.execute(insert(self.versions).values(version_num=self.newest))
            elif found < self.newest:
                pkgutil.resolve_name("metier.registry.upgrading:upgrade")(connection, self)
            elif found > self.newest:
                where = database.engine.url.render_as_string(hide_password=True)
                raise database.error(
                    f"{self.what}, {where}, has the schema {found} of a later version of Metier; this one knows "
                    f"{self.newest} and older. Install the version that made it, or name another. Nothing was changed."
                )

    def version(self, connection: Connection) -> str | None:
        """Give the schema that a database has; None: it has none of the tables."""
        if not inspect(connection).has_table(self.version_table):
            return None
        return connection.execute(select(self.versions.c.version_num)).scalar()
