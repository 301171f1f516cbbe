"""Answers of a watch's store, period by period: what judges of drift and of accuracy read."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import select

from metier.monitoring.series import SECONDS
from metier.monitoring.store.period_counts import PeriodCounts
from metier.monitoring.store.tables import ANSWERS, MESSAGES
from metier.text.duplicates import text_keys


@dataclass(frozen=True)
class PeriodAnswers:
    """Answers of one bundle to the distinct messages of a period that came on time, in the order of their times.

    Parameters
    ----------
    version : str
        Of the bundle.
    ids : tuple of tuple of str
        Source and id of each message.
    texts : tuple of str
        Masked; empty where none is kept.
    labels : tuple of str
    confidence : ndarray of shape (n_messages,)
    is_outside : ndarray of bool of shape (n_messages,)
        Whether each is out of scope, as far as the bundle says so.
    is_audit : ndarray of bool of shape (n_messages,)
    """

    version: str
    ids: tuple[tuple[str, str], ...]
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    confidence: np.ndarray
    is_outside: np.ndarray
    is_audit: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def unlearned(self, learned: np.ndarray) -> "PeriodAnswers":
        """Leave out messages that the bundle has learned since, by the keys of their texts: they measure nothing."""
        if not len(learned) or not len(self):
            return self
        kept = np.flatnonzero(~np.isin(text_keys(self.texts), learned))
        return PeriodAnswers(
            self.version,
            tuple(self.ids[row] for row in kept),
            tuple(self.texts[row] for row in kept),
            tuple(self.labels[row] for row in kept),
            self.confidence[kept],
            self.is_outside[kept],
            self.is_audit[kept],
        )


def answers_of(counted: PeriodCounts, bundle: str, number: int) -> PeriodAnswers | None:
    """Read the answers of a bundle in a period, of the version whose counts hold; None: there are none."""
    start, end = number * SECONDS[counted.period], (number + 1) * SECONDS[counted.period]
    version = counted.version(bundle, number)
    asked = (
        select(MESSAGES, ANSWERS)
        .join(ANSWERS, ANSWERS.c.message == MESSAGES.c.number)
        .where(MESSAGES.c.at >= start, MESSAGES.c.at < end, MESSAGES.c.copy_of.is_(None), ~MESSAGES.c.is_late)
        .where(ANSWERS.c.bundle == bundle, ANSWERS.c.label.is_not(None), ANSWERS.c.confidence.is_not(None))
        .order_by(MESSAGES.c.at, MESSAGES.c.number)
    )
    if version is not None:
        asked = asked.where(ANSWERS.c.version == version)
    with counted.store.reading() as connection:
        rows = connection.execute(asked).all()
    if not rows:
        return None
    return PeriodAnswers(
        rows[0].version,
        tuple((row.source, row.id) for row in rows),
        tuple(row.text or "" for row in rows),
        tuple(row.label for row in rows),
        np.array([row.confidence for row in rows]),
        np.array([bool(row.out_of_scope) for row in rows]),
        np.array([row.is_audit for row in rows]),
    )


def start_of(number: int, period: str) -> datetime:
    """Give the beginning of a period, in UTC."""
    return datetime.fromtimestamp(number * SECONDS[period], UTC)
