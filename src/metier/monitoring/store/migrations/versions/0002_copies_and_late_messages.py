"""Sketches of originals, late messages, judged periods, what could not be answered, the state of a watch, what was told."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"
branch_labels = depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add them; what was stored stays as it is."""
    op.add_column("watch_messages", sa.Column("sketch", sa.LargeBinary()))
    op.add_column("watch_answers", sa.Column("counted_by", sa.JSON(none_as_null=True)))
    op.add_column("watch_positions", sa.Column("latest", sa.Float()))
    for name in ("late", "late_distinct"):
        op.add_column("watch_counts", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "watch_periods",
        sa.Column("period", sa.Integer(), primary_key=True),
        sa.Column("closed", sa.Float(), nullable=False),
    )
    op.create_table(
        "watch_unanswered",
        sa.Column(
            "message", NUMBER, sa.ForeignKey("watch_messages.number", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("bundle", sa.String(100), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_table(
        "watch_state",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.JSON(), nullable=False),
    )
    op.create_table(
        "watch_told",
        sa.Column("receiver", sa.String(100), primary_key=True),
        sa.Column(
            "finding", NUMBER, sa.ForeignKey("watch_findings.number", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("told", sa.Float(), nullable=False),
        sa.Column("severity", sa.String(20), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("over", sa.Float()),
    )
