"""The tables of a registry: versions, what aliases point to, and every change with who made it and why."""

from sqlalchemy import JSON, Boolean, Column, DateTime, Integer, MetaData, String, Table, UniqueConstraint

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
