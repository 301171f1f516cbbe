"""The tables of a watch: messages, answers, positions, counts, findings, alerts; times are seconds since 1970 in UTC."""

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
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from metier.registry.schema import Schema

NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself in plain integers alone.
METADATA = MetaData()

MESSAGES = Table(
    "watch_messages",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("source", String(100), nullable=False),
    Column("id", String(200), nullable=False),
    Column("at", Float, nullable=False),
    Column("received", Float, nullable=False),
    Column("text", Text),  # Masked; nothing where the policy keeps none.
    Column("by", JSON, nullable=False),
    Column("subject", String(64)),  # HMAC-SHA256 with a secret of the store.
    Column("copy_of", NUMBER),  # The first message of the days before that says nearly the same.
    Column("is_late", Boolean, nullable=False, default=False),  # Its period had been judged when it came.
    Column("is_audit", Boolean, nullable=False, default=False),  # Drawn by chance, to be labelled.
    Column("sketch", LargeBinary),  # Of an original: what later messages are held against to find copies.
    UniqueConstraint("source", "id"),
    Index("watch_messages_at", "at"),
    Index("watch_messages_subject", "subject"),
)
ANSWERS = Table(
    "watch_answers",
    METADATA,
    Column("message", NUMBER, ForeignKey("watch_messages.number", ondelete="CASCADE"), primary_key=True),
    Column("bundle", String(100), primary_key=True),  # Its name in the settings, such as `topic`.
    Column("version", String(64), primary_key=True),  # First 12 digits of the bundle's fingerprint.
    Column("label", Text),
    Column("confidence", Float),
    Column("out_of_scope", Boolean),
    Column("counted_by", JSON(none_as_null=True)),  # What the message is counted by, where it is not the label.
    Column(
        "answer", JSON(none_as_null=True)
    ),  # What is more than a label: spans, label sets, the probabilities of an audit.
)
POSITIONS = Table(
    "watch_positions",
    METADATA,
    Column("source", String(100), primary_key=True),
    Column("position", JSON(none_as_null=True)),
    Column("stored", Float, nullable=False),
    Column("latest", Float),  # When its latest message was written.
)
REFUSED = Table(
    "watch_refused",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("source", String(100), nullable=False),
    Column("place", String(400), nullable=False),
    Column("reason", Text, nullable=False),
    Column("excerpt", Text),  # Masked.
    Column("received", Float, nullable=False),
    UniqueConstraint("source", "place"),
)
# Messages of a period by what they are counted by; `series` is JSON with sorted keys, `versions` those that answered.
COUNTS = Table(
    "watch_counts",
    METADATA,
    Column("period", Integer, primary_key=True),  # Number since 1970, in days or hours as the watch counts.
    Column("series", String(500), primary_key=True),
    Column("versions", String(500), primary_key=True),
    Column("messages", Integer, nullable=False),
    Column("distinct", Integer, nullable=False),  # Near-duplicates once.
    # Those that came after the period had been judged, which the other two do not hold.
    Column("late", Integer, nullable=False, default=0, server_default="0"),
    Column("late_distinct", Integer, nullable=False, default=0, server_default="0"),
)
# Periods that were judged.
PERIODS = Table(
    "watch_periods",
    METADATA,
    Column("period", Integer, primary_key=True),
    Column("closed", Float, nullable=False),
)
UNANSWERED = Table(
    "watch_unanswered",
    METADATA,
    Column("message", NUMBER, ForeignKey("watch_messages.number", ondelete="CASCADE"), primary_key=True),
    Column("bundle", String(100), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("reason", Text, nullable=False),
)
# What the watch itself must know: the next number of a message, the versions that answer.
STATE = Table(
    "watch_state",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", JSON, nullable=False),
)
# Where an answering model was exchanged: nothing before is held against what comes after, unless it was answered again.
BREAKS = Table(
    "watch_breaks",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("bundle", String(100), nullable=False),
    Column("before", String(64), nullable=False),
    Column("after", String(64), nullable=False),
    Column("at", Float, nullable=False),
    Column(
        "answered_again_from", Float
    ),  # Messages from this time on have answers of the new version; NULL: none.
)
FINDINGS = Table(
    "watch_findings",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("fingerprint", String(16), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("series", JSON, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("severity", String(20), nullable=False),
    Column("since", Float, nullable=False),
    Column("raised", Float, nullable=False, index=True),
    Column("ended", Float),
    Column("acknowledged", Float),
    Column("acknowledged_by", String(200)),
    Column("comment", Text),
    Column("facts", JSON, nullable=False),
)
SILENCES = Table(
    "watch_silences",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("matches", JSON, nullable=False),  # {"company": "Acme"}: findings whose series hold it.
    Column("starts", Float, nullable=False),
    Column("ends", Float, nullable=False),
    Column("who", String(200), nullable=False),
    Column("why", Text, nullable=False, default=""),
)
# One row for each group of findings and receiver: sent at least once, or a dead letter with its last error.
DELIVERIES = Table(
    "watch_deliveries",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),
    Column("receiver", String(100), nullable=False),
    Column("group_key", String(200), nullable=False),
    Column("findings", JSON, nullable=False),  # Numbers.
    Column("status", String(20), nullable=False, index=True),  # waiting, sent, dead.
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_attempt", Float, nullable=False),
    Column("error", Text),
    Column("made", Float, nullable=False),
    Column("sent", Float),
)
# What a receiver was told of a finding: kept with the delivery in one transaction, so that nothing is told anew.
TOLD = Table(
    "watch_told",
    METADATA,
    Column("receiver", String(100), primary_key=True),
    Column("finding", NUMBER, ForeignKey("watch_findings.number", ondelete="CASCADE"), primary_key=True),
    Column("told", Float, nullable=False),  # When it was last put into a delivery.
    Column("severity", String(20), nullable=False),
    Column("times", Integer, nullable=False, default=1),
    Column("over", Float),  # When its end was put into a delivery.
)
SECRETS = Table(
    "watch_secrets",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", String(200), nullable=False),
)
ERASED = Table(
    "watch_erased",
    METADATA,
    Column("subject", String(64), primary_key=True),
    Column("at", Float, nullable=False),
)
# Each step from an older schema is a file of `migrations/versions`.
SCHEMA = Schema(
    METADATA,
    newest="0002",
    version_table="watch_schema",
    steps=Path(__file__).parent / "migrations",
    what="The store of the watch",
)
