"""Texts of rounds under keys with a secret, and whom they are about.

The rounds of before had plain digests of texts, and nothing of whom they are about. Where a queue has rows about somebody
its rounds are removed, as nothing could be erased from them: the rule of when to stop begins anew. The others get keys.
"""

import hashlib
import hmac
import secrets

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"
branch_labels = depends_on = None

ITEMS = sa.table("queue_items", sa.column("queue"), sa.column("subject"))
ROUNDS = sa.table("queue_rounds", sa.column("queue"), sa.column("round"), sa.column("answers", sa.JSON()))
SECRETS = sa.table("queue_secrets", sa.column("name"), sa.column("value"))


def upgrade() -> None:
    """Add the table, and key what is there."""
    op.create_table(
        "queue_watched",
        sa.Column("queue", sa.String(100), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(64), primary_key=True),
    )
    op.create_index("queue_watched_subject", "queue_watched", ["subject"])
    with_subjects = sa.select(ITEMS.c.queue).where(ITEMS.c.subject.is_not(None))
    connection = op.get_bind()
    connection.execute(sa.delete(ROUNDS).where(ROUNDS.c.queue.in_(with_subjects)))
    left = connection.execute(sa.select(ROUNDS)).all()
    if not left:
        return
    secret = secrets.token_hex(32)
    connection.execute(sa.insert(SECRETS).values(name="texts", value=secret))
    for one in left:
        keyed = {_key(secret, text_id): label for text_id, label in one.answers.items()}
        this = (ROUNDS.c.queue == one.queue, ROUNDS.c.round == one.round)
        connection.execute(sa.update(ROUNDS).where(*this).values(answers=keyed))


def _key(secret: str, text_id: str) -> str:
    return hmac.new(bytes.fromhex(secret), text_id.encode(), hashlib.sha256).hexdigest()
