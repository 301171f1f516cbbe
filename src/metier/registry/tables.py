"""The tables of a registry: versions, what aliases point to, and every change with who made it and why."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

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
ROLL_OUTS = Table(
    "registry_roll_outs",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(100), nullable=False, index=True),
    Column("champion", Integer, nullable=False),
    Column("challenger", Integer, nullable=False),
    Column("share", Float, nullable=False),
    Column("is_shadow", Boolean, nullable=False),
    Column("status", String(20), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("n_requests", Integer, nullable=False, default=0),
    Column("n_challenger", Integer, nullable=False, default=0),
    Column("began", DateTime(timezone=True), nullable=False),
    Column("ended", DateTime(timezone=True)),
    Column("who", String(200), nullable=False),
    Column("why", String(4_000), nullable=False, default=""),
    Column("is_forced", Boolean, nullable=False, default=False),
)
# Whose requests count already: a caller who asks a thousand times was drawn once.
ROLL_OUT_KEYS = Table(
    "registry_roll_out_keys",
    METADATA,
    Column("roll_out", Integer, primary_key=True),
    Column("criterion", String(40), primary_key=True),
    Column("key", String(64), primary_key=True),
)
