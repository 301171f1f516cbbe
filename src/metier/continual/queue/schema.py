"""The schema of a queue; each step from an older one is a file of `migrations/versions`."""

from pathlib import Path

from metier.continual.queue.tables import METADATA
from metier.registry.schema import Schema

SCHEMA = Schema(
    METADATA,
    newest="0002",
    version_table="queue_schema",
    steps=Path(__file__).parent / "migrations",
    what="The queue",
)
