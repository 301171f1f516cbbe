"""An older store, brought to the newest schema by Alembic; imported where there is one."""

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from metier.registry.schema import Schema


def upgrade(connection: Connection, schema: Schema, *, to: str = "head") -> None:
    """Run the steps that a store lacks, in the transaction of a connection."""
    steps = ScriptDirectory(str(schema.steps))
    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": schema.version_table,
            "fn": lambda revision, _: steps._upgrade_revs(to, revision),
            "transaction_per_migration": False,
        },
    )
    with Operations.context(context):
        context.run_migrations()


def last_step(schema: Schema) -> str | None:
    """Give the last of the steps that there are."""
    return ScriptDirectory(str(schema.steps)).get_current_head()
