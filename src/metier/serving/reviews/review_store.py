"""The answers that wait for a person, in the database of the predictions: so their subjects are erased together.

A decision is stored once, and in the same transaction as feedback on the prediction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from metier.errors import PredictionLogError
from metier.registry.database import open_database
from metier.serving.prediction_log.prediction_log import PredictionLog, database_url
from metier.serving.prediction_log.records import Correction
from metier.serving.prediction_log.tables import FEEDBACK, METADATA, REVIEWS

WAITING, DECIDED = "waiting", "decided"
MOST_AT_ONCE = 500


@dataclass(frozen=True)
class Review:
    """An answer that a person looks at.

    Parameters
    ----------
    id : str
        Of the prediction.
    at : datetime
        When it was answered, in UTC.
    model : str
    version : str or None
    question : mapping or None
        The texts that were asked, as the policy keeps them.
    answer : mapping
        Of the model.
    reasons : tuple of str
        Why it waits: `confidence`, `out_of_scope`, `label`, `word`, `field`, `chance`.
    caller : str or None
        Name of the key that asked.
    subject : str or None
        Whom it is about: a keyed digest, once it is stored.
    state : {"waiting", "decided"}
    decision : str, float, list of str or None
        What a person says that the answer is.
    decided_at : datetime or None
    decided_by, comment : str or None
    number : int
        Place in the order in which they came.
    """

    id: str
    at: datetime
    model: str
    version: str | None
    question: Mapping[str, Any] | None
    answer: Mapping[str, Any]
    reasons: tuple[str, ...]
    caller: str | None = None
    subject: str | None = None
    state: str = WAITING
    decision: Correction = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    comment: str | None = None
    number: int = 0


class ReviewStore:
    """The store of reviews.

    Parameters
    ----------
    where : Path or str
        As that of `PredictionLog`, whose database it shares.
    wait_seconds : float
        How long SQLite waits for another process that writes.

    Raises
    ------
    PredictionLogError
        If the database cannot be used.
    """

    def __init__(self, where: Path | str, *, wait_seconds: float = 5.0):
        self._log = PredictionLog(where, wait_seconds=wait_seconds)
        self._database = open_database(
            database_url(where),
            METADATA,
            what="predictions",
            error=PredictionLogError,
            wait_seconds=wait_seconds,
        )

    def add(self, reviews: Sequence[Review]) -> None:
        """Store answers that wait, in one transaction."""
        rows = [
            {name: value for name, value in vars(one).items() if name != "number"}
            | {
                "answer": dict(one.answer),
                "reasons": list(one.reasons),
                "subject": None if one.subject is None else self._log.digest(one.subject),
            }
            for one in reviews
        ]
        with self._database.writing() as connection:
            connection.execute(insert(REVIEWS), rows)

    def find(self, review_id: str) -> Review | None:
        """Give a review by its id; None: there is none."""
        with self._database.reading() as connection:
            row = connection.execute(select(REVIEWS).where(REVIEWS.c.id == review_id)).first()
        return None if row is None else _review(row)

    def list(
        self,
        *,
        state: str | None = None,
        after: int = 0,
        since: datetime | None = None,
        limit: int = MOST_AT_ONCE,
    ) -> "list[Review]":
        """Give reviews in the order in which they came.

        Parameters
        ----------
        state : {"waiting", "decided"}, optional
        after : int, default=0
            Those that came after the one of this number.
        since : datetime, optional
            Decided at this time or later.
        """
        asked = select(REVIEWS).where(REVIEWS.c.number > after).order_by(REVIEWS.c.number).limit(limit)
        if state is not None:
            asked = asked.where(REVIEWS.c.state == state)
        if since is not None:
            asked = asked.where(REVIEWS.c.decided_at >= since)
        with self._database.reading() as connection:
            return [_review(row) for row in connection.execute(asked)]

    def decide(
        self, review_id: str, decision: Correction, *, by: str | None, comment: str | None = None
    ) -> Review | None:
        """Store what a person decides, and as feedback on the prediction; whoever is first decides.

        Returns
        -------
        Review or None
            As it stands now, decided by whoever was first; None: there is none of that id.
        """
        now = datetime.now(UTC)
        made = {"state": DECIDED, "decision": decision, "decided_at": now, "decided_by": by, "comment": comment}
        with self._database.writing() as connection:
            own = REVIEWS.c.id == review_id
            is_first = connection.execute(
                update(REVIEWS).where(own, REVIEWS.c.state == WAITING).values(**made)
            ).rowcount
            if is_first:
                said = {
                    "prediction_id": review_id,
                    "at": now,
                    "correction": decision,
                    "caller": by,
                    "comment": comment,
                }
                connection.execute(insert(FEEDBACK), said)
            row = connection.execute(select(REVIEWS).where(own)).first()
        return None if row is None else _review(row)

    def close(self) -> None:
        """Close the connections to the database."""
        self._log.close()
        self._database.engine.dispose()


def _review(row: Any) -> Review:
    found = Review(**row._mapping)
    return replace(found, reasons=tuple(found.reasons))
