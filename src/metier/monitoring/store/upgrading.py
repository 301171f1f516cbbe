"""An older store, brought to the newest schema by Alembic; imported where there is one."""

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from metier.monitoring.store.schema import VERSIONS

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, *, to: str = "head") -> None:
    """Run the steps that a store lacks, in the transaction of a connection."""
    steps = ScriptDirectory(str(MIGRATIONS))
    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": VERSIONS.name,
            "fn": lambda revision, _: steps._upgrade_revs(to, revision),
            "transaction_per_migration": False,
        },
    )
    with Operations.context(context):
        context.run_migrations()


def newest() -> str | None:
    """Give the last of the steps that there are."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()
