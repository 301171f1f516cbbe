"""The first tables of a watch."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None
branch_labels = depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make them."""
    _add_messages()
    _add_positions()
    _add_counts()
    _add_alerts()


def _add_messages() -> None:
    op.create_table(
        "watch_messages",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("received", sa.Float(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("by", sa.JSON(), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=True),
        sa.Column("copy_of", NUMBER, nullable=True),
        sa.Column("is_late", sa.Boolean(), nullable=False),
        sa.Column("is_audit", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("source", "id"),
    )
    op.create_index("watch_messages_at", "watch_messages", ["at"], unique=False)
    op.create_index("watch_messages_subject", "watch_messages", ["subject"], unique=False)
    op.create_table(
        "watch_answers",
        sa.Column("message", NUMBER, nullable=False),
        sa.Column("bundle", sa.String(length=100), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("out_of_scope", sa.Boolean(), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["message"], ["watch_messages.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message", "bundle", "version"),
    )


def _add_positions() -> None:
    op.create_table(
        "watch_positions",
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("position", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("stored", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_table(
        "watch_refused",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("place", sa.String(length=400), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("excerpt", sa.Text(), nullable=True),
        sa.Column("received", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("source", "place"),
    )
    op.create_table(
        "watch_erased",
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
    )
    op.create_table(
        "watch_secrets",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _add_counts() -> None:
    op.create_table(
        "watch_counts",
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("series", sa.String(length=500), nullable=False),
        sa.Column("versions", sa.String(length=500), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("distinct", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("period", "series", "versions"),
    )
    op.create_table(
        "watch_breaks",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("bundle", sa.String(length=100), nullable=False),
        sa.Column("before", sa.String(length=64), nullable=False),
        sa.Column("after", sa.String(length=64), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("answered_again_from", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )


def _add_alerts() -> None:
    op.create_table(
        "watch_findings",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("series", sa.JSON(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("raised", sa.Float(), nullable=False),
        sa.Column("ended", sa.Float(), nullable=True),
        sa.Column("acknowledged", sa.Float(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=200), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_watch_findings_fingerprint", "watch_findings", ["fingerprint"], unique=False)
    op.create_index("ix_watch_findings_raised", "watch_findings", ["raised"], unique=False)
    op.create_table(
        "watch_silences",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("matches", sa.JSON(), nullable=False),
        sa.Column("starts", sa.Float(), nullable=False),
        sa.Column("ends", sa.Float(), nullable=False),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "watch_deliveries",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("receiver", sa.String(length=100), nullable=False),
        sa.Column("group_key", sa.String(length=200), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt", sa.Float(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("made", sa.Float(), nullable=False),
        sa.Column("sent", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_watch_deliveries_status", "watch_deliveries", ["status"], unique=False)
