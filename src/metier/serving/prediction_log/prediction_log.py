"""The store of predictions: every answer of a service, and what people said about it.

It is written by the services (several processes may) and read by whatever learns from it. Predictions are numbered in
the order in which they are stored, so that a reader who goes on after the last number sees each once.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select

from metier.errors import PredictionLogError
from metier.registry.database import open_database
from metier.serving.prediction_log.records import Feedback, Prediction
from metier.serving.prediction_log.tables import ERASED, FEEDBACK, METADATA, PREDICTIONS, REVIEWS, SECRETS

DATABASE = "predictions.sqlite"
BATCH_ROWS = 1_000
PRUNED_AT_ONCE = 2_000  # Rows; who writes waits no longer than they take.
ERASED_DAYS = 1  # Longer than any answer is on its way.


class PredictionLog:
    """A store of predictions.

    Parameters
    ----------
    where : Path or str
        A folder, made where it is missing, for SQLite; or the URL of a database, as SQLAlchemy writes it.
    wait_seconds : float
        How long SQLite waits for another process that writes.

    Raises
    ------
    PredictionLogError
        If the database cannot be used.
    """

    def __init__(self, where: Path | str, *, wait_seconds: float = 5.0):
        self.url = database_url(where)
        self._database = open_database(
            self.url, METADATA, what="predictions", error=PredictionLogError, wait_seconds=wait_seconds
        )
        self._secret = self._shared_secret()

    def digest(self, subject: str) -> str:
        """Give what stands for somebody in the store: HMAC-SHA256 with a secret of the store."""
        return hmac.new(self._secret, subject.strip().encode(errors="replace"), hashlib.sha256).hexdigest()

    def write(self, predictions: Sequence[Prediction], *, may_be_there: bool = False) -> int:
        """Store predictions in one transaction, and give how many are new; their subjects are stored as digests.

        Parameters
        ----------
        may_be_there : bool, default=False
            Whether some may be stored already: another attempt was made whose end nobody knows.
        """
        rows = [self._row(one) for one in predictions]
        with self._database.writing() as connection:
            rows = _without_erased(connection, rows)
            if may_be_there:
                rows = _without_known(connection, rows)
            if rows:
                connection.execute(insert(PREDICTIONS), rows)
        return len(rows)

    def add_feedback(self, said: Feedback) -> None:
        """Store what was said about an answer; returns once it is on the disk."""
        with self._database.writing() as connection:
            connection.execute(insert(FEEDBACK).values(**vars(said)))

    def find(self, prediction_id: str) -> Prediction | None:
        """Give a prediction with its feedback; None: there is none of that id."""
        with self._database.reading() as connection:
            rows = connection.execute(select(PREDICTIONS).where(PREDICTIONS.c.id == prediction_id)).all()
            return next(iter(_with_feedback(connection, rows)), None)

    def shadows_of(self, prediction_id: str) -> list[Prediction]:
        """Give the answers that another version gave to the same question and nobody was given."""
        with self._database.reading() as connection:
            rows = connection.execute(select(PREDICTIONS).where(PREDICTIONS.c.of == prediction_id)).all()
            return [_prediction(row) for row in rows]

    def read(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        model: str | None = None,
        version: str | None = None,
        after: int = 0,
        with_shadows: bool = False,
        batch_rows: int = BATCH_ROWS,
    ) -> Iterator[list[Prediction]]:
        """Give predictions with their feedback, in batches, in the order in which they were stored.

        Parameters
        ----------
        since, until : datetime or None
            Answered at this time or later, and before that one; a time without a zone is in UTC.
        model, version : str or None
            Of this model, of this version alone.
        after : int, default=0
            Stored after the one of this number: to go on with what is new.
        with_shadows : bool, default=False
            Also the answers of versions in a roll-out that nobody was given.
        batch_rows : int, default=1000
        """
        asked = _asked(since, until, model, version)
        if not with_shadows:
            asked = asked.where(PREDICTIONS.c.of.is_(None))
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(asked.where(PREDICTIONS.c.number > after).limit(batch_rows)).all()
                batch = _with_feedback(connection, rows)
            if not batch:
                return
            yield batch
            after = batch[-1].number

    def count(self) -> int:
        """Give how many predictions there are."""
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(PREDICTIONS)).scalar_one())

    def erase(self, subject: str) -> int:
        """Remove whatever is stored about somebody, and give how many predictions that were.

        Answers that are still on their way to the store are not stored any more.
        """
        digest, now = self.digest(subject), datetime.now(UTC)
        with self._database.writing() as connection:
            connection.execute(delete(ERASED).where(ERASED.c.subject == digest))
            connection.execute(insert(ERASED).values(subject=digest, at=now))
            own = select(PREDICTIONS.c.id).where(PREDICTIONS.c.subject == digest)
            connection.execute(delete(FEEDBACK).where(FEEDBACK.c.prediction_id.in_(own)))
            connection.execute(delete(REVIEWS).where(REVIEWS.c.subject == digest))
            erased = connection.execute(delete(PREDICTIONS).where(PREDICTIONS.c.subject == digest)).rowcount
        self._empty_journal()
        return int(erased)

    def remove_before(self, time: datetime) -> int:
        """Remove predictions and feedback older than a time, some at once, and give how many predictions that were."""
        removed = 0
        old = select(PREDICTIONS.c.number).where(PREDICTIONS.c.at < time).limit(PRUNED_AT_ONCE)
        while True:
            with self._database.writing() as connection:
                numbers = connection.execute(old).scalars().all()
                connection.execute(delete(PREDICTIONS).where(PREDICTIONS.c.number.in_(numbers)))
                connection.execute(delete(FEEDBACK).where(FEEDBACK.c.at < time))
                connection.execute(delete(REVIEWS).where(REVIEWS.c.at < time))
                forgotten = datetime.now(UTC) - timedelta(days=ERASED_DAYS)
                connection.execute(delete(ERASED).where(ERASED.c.at < forgotten))
            removed += len(numbers)
            if len(numbers) < PRUNED_AT_ONCE:
                return removed

    def close(self) -> None:
        """Close the connections to the database."""
        self._database.engine.dispose()

    def _empty_journal(self) -> None:
        """Take what was erased out of SQLite's journal, too, unless somebody reads it at this moment."""
        if self._database.engine.dialect.name == "sqlite":
            with self._database.errors(), closing(self._database.engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _shared_secret(self) -> bytes:
        """Give the secret of the store, made by whoever opens it first."""
        of = select(SECRETS.c.value).where(SECRETS.c.name == "subjects")
        with self._database.reading() as connection:
            known = connection.execute(of).scalar()
        if known is None:
            with self._database.writing() as connection:
                known = connection.execute(of).scalar()
                if known is None:
                    known = secrets.token_hex(32)
                    connection.execute(insert(SECRETS).values(name="subjects", value=known))
        return bytes.fromhex(known)

    def _row(self, one: Prediction) -> dict[str, Any]:
        own = {name: value for name, value in vars(one).items() if name not in ("number", "feedback")}
        subject = None if one.subject is None else self.digest(one.subject)
        more = {"label": one.label, "confidence": one.confidence, "out_of_scope": one.out_of_scope}
        return own | more | {"answer": dict(one.answer), "subject": subject}


def database_url(where: Path | str) -> str:
    """Give the URL of a store: of the SQLite file in a folder, which is made, or itself where it is one."""
    if isinstance(where, str) and "://" in where:
        return where
    folder = Path(where)
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder.resolve() / DATABASE}"


def _asked(
    since: datetime | None, until: datetime | None, model: str | None, version: str | None
) -> Select[Any]:
    asked = select(PREDICTIONS).order_by(PREDICTIONS.c.number)
    if since is not None:
        asked = asked.where(PREDICTIONS.c.at >= _in_utc(since))
    if until is not None:
        asked = asked.where(PREDICTIONS.c.at < _in_utc(until))
    if model is not None:
        asked = asked.where(PREDICTIONS.c.model == model)
    return asked if version is None else asked.where(PREDICTIONS.c.version == version)


def _in_utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _without_erased(connection: Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    subjects = {row["subject"] for row in rows} - {None}
    if not subjects:
        return rows
    found = connection.execute(select(ERASED.c.subject, ERASED.c.at).where(ERASED.c.subject.in_(subjects)))
    erased = {row.subject: row.at for row in found}
    return [row for row in rows if row["subject"] not in erased or row["at"] > erased[row["subject"]]]


def _without_known(connection: Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ids = [row["id"] for row in rows]
    known = set(connection.execute(select(PREDICTIONS.c.id).where(PREDICTIONS.c.id.in_(ids))).scalars())
    return [row for row in rows if row["id"] not in known]


def _with_feedback(connection: Connection, rows: Sequence[Row[Any]]) -> list[Prediction]:
    predictions = [_prediction(row) for row in rows]
    said = connection.execute(
        select(FEEDBACK)
        .where(FEEDBACK.c.prediction_id.in_([one.id for one in predictions]))
        .order_by(FEEDBACK.c.prediction_id, FEEDBACK.c.number)
    ).all()
    by_id = {id_: tuple(map(_feedback, some)) for id_, some in groupby(said, attrgetter("prediction_id"))}
    return [one.with_feedback(by_id.get(one.id, ())) for one in predictions]


def _prediction(row: Row[Any]) -> Prediction:
    left_out = ("label", "confidence", "out_of_scope")  # They stand in the answer.
    return Prediction(**{name: value for name, value in row._mapping.items() if name not in left_out})


def _feedback(row: Row[Any]) -> Feedback:
    return Feedback(**{name: value for name, value in row._mapping.items() if name != "number"})
