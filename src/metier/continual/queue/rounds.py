"""What the models of the rounds answered to the same rows, drawn by chance, and whom these are about, to erase them by.

A key is an HMAC-SHA256 of the text with a secret of the store: who has the rounds alone cannot try texts against them.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from metier.continual.queue.items import Round
from metier.continual.queue.tables import ROUNDS, WATCHED

OF_TEXTS = "texts"  # The name of their secret among those of the store.


@dataclass(frozen=True)
class Watched:
    """A row whose answer is kept of every round.

    Parameters
    ----------
    text_id : str
        What its text is known by.
    label : str
        The model's answer.
    subjects : tuple of str
        Digests of those whom rows with this text are about.
    """

    text_id: str
    label: str
    subjects: tuple[str, ...] = ()


def key_of(secret: bytes, text_id: str) -> str:
    """Give what a text stands under in the rounds."""
    return hmac.new(secret, text_id.encode(), hashlib.sha256).hexdigest()


def write_round(
    connection: Connection,
    queue: str,
    watched: Sequence[Watched],
    secret: bytes,
    facts: Mapping[str, object],
) -> None:
    """Store the answers of a round, and whom the texts are about."""
    last = connection.execute(select(func.max(ROUNDS.c.round)).where(ROUNDS.c.queue == queue)).scalar()
    keys = {one.text_id: key_of(secret, one.text_id) for one in watched}
    answers = {keys[one.text_id]: one.label for one in watched}
    row = {"queue": queue, "round": (last or 0) + 1, "answers": answers}
    connection.execute(insert(ROUNDS), row | dict(facts))
    asked = select(WATCHED.c.key, WATCHED.c.subject).where(WATCHED.c.queue == queue)
    known = {(one.key, one.subject) for one in connection.execute(asked)}
    pairs = {(keys[one.text_id], subject) for one in watched for subject in one.subjects} - known
    if pairs:
        rows = [{"queue": queue, "key": key, "subject": subject} for key, subject in sorted(pairs)]
        connection.execute(insert(WATCHED), rows)


def read_rounds(connection: Connection, queue: str) -> list[Round]:
    """Give the rounds of a queue, the oldest first."""
    found = connection.execute(select(ROUNDS).where(ROUNDS.c.queue == queue).order_by(ROUNDS.c.round))
    return [Round(**{k: v for k, v in row._mapping.items() if k != "queue"}) for row in found]


def erase_watched_rows(connection: Connection, subjects: Sequence[str]) -> None:
    """Take the texts that are about somebody out of all rounds of all queues."""
    asked = select(WATCHED.c.queue, WATCHED.c.key).where(WATCHED.c.subject.in_(subjects)).distinct()
    own: dict[str, set[str]] = {}
    for one in connection.execute(asked).all():
        own.setdefault(one.queue, set()).add(one.key)
    for queue, keys in own.items():
        for known in read_rounds(connection, queue):
            left = _without(known.answers, keys)
            if len(left) < len(known.answers):
                this = (ROUNDS.c.queue == queue, ROUNDS.c.round == known.round)
                connection.execute(update(ROUNDS).where(*this).values(answers=left))
        # Of others who wrote the same text nothing is left in the rounds either.
        for key in sorted(keys):
            connection.execute(delete(WATCHED).where(WATCHED.c.queue == queue, WATCHED.c.key == key))


def _without(answers: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    return {key: label for key, label in answers.items() if key not in keys}
