"""The tables of the log: predictions, what was said about them, what a person decides, and secrets."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

METADATA = MetaData()
NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts in INTEGER alone.


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC, also in databases that keep no zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give what the database keeps."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give what it kept."""
        return None if value is None else value.replace(tzinfo=UTC)


PREDICTIONS = Table(
    "predictions",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("at", UtcTime, nullable=False, index=True),
    Column("model", String(200), nullable=False),
    Column("version", String(100)),
    Column("answered_by", String(200), nullable=False),
    Column("label", Text),
    Column("confidence", Float),
    Column("out_of_scope", Boolean),
    Column("answer", JSON, nullable=False),
    Column("question", JSON(none_as_null=True)),
    Column("caller", String(200)),
    Column("subject", String(64), index=True),
    Column("latency_ms", Float),
    Column("role", String(20), nullable=False),
    Column("of", String(36), index=True),
    sqlite_autoincrement=True,  # Numbers of what was removed are not given again.
)
FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("prediction_id", String(36), nullable=False, index=True),
    Column("at", UtcTime, nullable=False),
    Column("correction", JSON(none_as_null=True)),
    Column("thumb", String(4)),
    Column("comment", Text),
    Column("caller", String(200)),
    sqlite_autoincrement=True,
)
# Answers that a person looks at before they count; the id is that of the prediction.
REVIEWS = Table(
    "reviews",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("at", UtcTime, nullable=False, index=True),
    Column("model", String(200), nullable=False),
    Column("version", String(100)),
    Column("question", JSON(none_as_null=True)),
    Column("answer", JSON, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("caller", String(200)),
    Column("subject", String(64), index=True),
    Column("state", String(10), nullable=False, index=True),
    Column("decision", JSON(none_as_null=True)),
    Column("decided_at", UtcTime),
    Column("decided_by", String(200)),
    Column("comment", Text),
    sqlite_autoincrement=True,
)
SECRETS = Table(
    "prediction_secrets",
    METADATA,
    Column("name", String(20), primary_key=True),
    Column("value", String(64), nullable=False),
)
# For what an answer still on its way to the store says about somebody who was erased meanwhile.
ERASED = Table(
    "erased_subjects",
    METADATA,
    Column("subject", String(64), primary_key=True),
    Column("at", UtcTime, nullable=False),
)
