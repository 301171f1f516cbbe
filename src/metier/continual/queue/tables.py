"""The tables of a queue: rows that wait for labels, labels by labeller, rounds of models; times are seconds since 1970."""

from pathlib import Path

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from metier.registry.schema import Schema

NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself in plain integers alone.
METADATA = MetaData()

ITEMS = Table(
    "queue_items",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("queue", String(100), nullable=False),
    Column("source", String(200), nullable=False),
    Column("id", String(200), nullable=False),
    Column("text", Text, nullable=False),  # Masked, unless the queue was told otherwise.
    Column("subject", String(64)),  # HMAC-SHA256 with a secret of the store it came from.
    Column("added", Float, nullable=False),
    Column("round", Integer, nullable=False),
    Column("rank", Integer, nullable=False),  # Within the round; the lowest is asked first.
    Column("urgent", Integer, nullable=False, default=0),  # The highest is asked first, whatever its round.
    Column("chance", Float, nullable=False),  # 0 to 1, drawn once: rows below the overlap get two labellers.
    Column("needed", Integer, nullable=False, default=1),  # Labellers.
    Column("is_audit", Boolean, nullable=False, default=False),  # Drawn by chance from all rows of its source.
    Column("reasons", JSON, nullable=False),  # Pairs of a strategy's name and a sentence.
    Column("suggestion", JSON(none_as_null=True)),  # The model's answer: label, probability, spans.
    Column("version", String(64)),  # Of the model: the first digits of its fingerprint.
    Column("truth", JSON(none_as_null=True)),  # A trusted answer, to check labellers by; never shown to them.
    Column("facts", JSON, nullable=False),  # What the source knows besides.
    Column("state", String(20), nullable=False),
    Column("given_to", String(100)),
    Column("given_until", Float),
    Column("answer", JSON(none_as_null=True)),
    Column("decided", Float),
    Column("decided_by", String(200)),
    Column("is_settled", Boolean, nullable=False, default=False),  # Whatever labellers say further on.
    UniqueConstraint("queue", "source", "id"),
    Index("queue_items_state", "queue", "state"),
    Index("queue_items_decided", "queue", "decided"),
    Index("queue_items_subject", "subject"),
    sqlite_autoincrement=True,  # Numbers of what was removed are not given again.
)
LABELS = Table(
    "queue_labels",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("item", NUMBER, ForeignKey("queue_items.number", ondelete="CASCADE"), nullable=False),
    Column("labeller", String(100), nullable=False),
    Column("answer", JSON(none_as_null=True)),  # NULL: skipped.
    Column("seconds", Float),
    Column("comment", Text),
    Column("at", Float, nullable=False),
    UniqueConstraint("item", "labeller"),
    sqlite_autoincrement=True,
)
SETTINGS = Table(
    "queue_settings",
    METADATA,
    Column("queue", String(100), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("value", JSON, nullable=False),
)
# What each model that chose rows answered to the same rows, drawn by chance: whether its answers still change.
ROUNDS = Table(
    "queue_rounds",
    METADATA,
    Column("queue", String(100), primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("version", String(64)),
    Column("n_decided", Integer, nullable=False),
    Column("answers", JSON, nullable=False),  # From the key of a text, an HMAC-SHA256 of it, to the label.
)
# Whom the texts of rounds are about, to erase them by.
WATCHED = Table(
    "queue_watched",
    METADATA,
    Column("queue", String(100), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("subject", String(64), primary_key=True),
    Index("queue_watched_subject", "subject"),
)
SECRETS = Table(
    "queue_secrets",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
)
# Each step from an older schema is a file of `migrations/versions`.
SCHEMA = Schema(
    METADATA,
    newest="0002",
    version_table="queue_schema",
    steps=Path(__file__).parent / "migrations",
    what="The queue",
)
