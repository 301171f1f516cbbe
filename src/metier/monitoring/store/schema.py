"""The schema of a watch's store; each step from an older one is a file of `migrations/versions`."""

from pathlib import Path

from metier.monitoring.store.tables import METADATA
from metier.registry.schema import Schema

SCHEMA = Schema(
    METADATA,
    newest="0002",
    version_table="watch_schema",
    steps=Path(__file__).parent / "migrations",
    what="The store of the watch",
)
