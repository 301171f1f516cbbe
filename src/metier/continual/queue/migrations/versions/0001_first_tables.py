"""The first tables of a queue."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None
branch_labels = depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make them."""
    _add_items()
    _add_labels()
    op.create_table(
        "queue_settings",
        sa.Column("queue", sa.String(100), primary_key=True),
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.JSON(), nullable=False),
    )
    op.create_table(
        "queue_rounds",
        sa.Column("queue", sa.String(100), primary_key=True),
        sa.Column("round", sa.Integer(), primary_key=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("version", sa.String(64)),
        sa.Column("n_decided", sa.Integer(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
    )
    op.create_table(
        "queue_secrets",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.String(200), nullable=False),
    )


def _add_items() -> None:
    op.create_table(
        "queue_items",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("queue", sa.String(100), nullable=False),
        sa.Column("source", sa.String(200), nullable=False),
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(64)),
        sa.Column("added", sa.Float(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("urgent", sa.Integer(), nullable=False),
        sa.Column("chance", sa.Float(), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("is_audit", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("suggestion", sa.JSON(none_as_null=True)),
        sa.Column("version", sa.String(64)),
        sa.Column("truth", sa.JSON(none_as_null=True)),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("given_to", sa.String(100)),
        sa.Column("given_until", sa.Float()),
        sa.Column("answer", sa.JSON(none_as_null=True)),
        sa.Column("decided", sa.Float()),
        sa.Column("decided_by", sa.String(200)),
        sa.Column("is_settled", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("queue", "source", "id"),
        sqlite_autoincrement=True,
    )
    op.create_index("queue_items_state", "queue_items", ["queue", "state"])
    op.create_index("queue_items_decided", "queue_items", ["queue", "decided"])
    op.create_index("queue_items_subject", "queue_items", ["subject"])


def _add_labels() -> None:
    op.create_table(
        "queue_labels",
        sa.Column("number", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("item", NUMBER, sa.ForeignKey("queue_items.number", ondelete="CASCADE"), nullable=False),
        sa.Column("labeller", sa.String(100), nullable=False),
        sa.Column("answer", sa.JSON(none_as_null=True)),
        sa.Column("seconds", sa.Float()),
        sa.Column("comment", sa.Text()),
        sa.Column("at", sa.Float(), nullable=False),
        sa.UniqueConstraint("item", "labeller"),
        sqlite_autoincrement=True,
    )
