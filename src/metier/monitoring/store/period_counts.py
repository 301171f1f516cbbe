"""What judges read of a store: counts by period that may be held against one another, and texts behind them."""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import ColumnElement, Text, cast, func, or_, select

from metier.monitoring.series import SECONDS, Series, series_of
from metier.monitoring.store.tables import ANSWERS, BREAKS, COUNTS, FINDINGS, MESSAGES
from metier.monitoring.store.watch_store import WatchStore


@dataclass(frozen=True)
class Break:
    """Where the model of a bundle was exchanged.

    Parameters
    ----------
    bundle, before, after : str
        Its name in the settings, and the versions.
    period : int
        The first in which the new version has answered: that of the exchange, or of the first message answered again.
    """

    bundle: str
    before: str
    after: str
    period: int


class PeriodCounts:
    """The counts of a watch's store by period; of those of several versions, the one that holds.

    Parameters
    ----------
    store : WatchStore
    period : {"day", "hour"}
    """

    def __init__(self, store: WatchStore, period: str):
        self.store, self.period = store, period

    def first_period(self) -> int | None:
        """Give the first period with a message on time; None: there is none."""
        asked = select(func.min(COUNTS.c.period)).where(COUNTS.c.messages > 0)
        with self.store.reading() as connection:
            return connection.execute(asked).scalar()

    def counts(self, number: int) -> Mapping[Series, int]:
        """Give the distinct messages of each series in a period, where there are any; without those that came late."""
        return {
            tuple(sorted(one.series.items())): one.distinct
            for one in self.store.counts(first=number, last=number)
            if one.distinct
            and all(self.version(name, number) in (None, own) for name, own in one.versions.items())
        }

    def exchanged(self, number: int) -> Set[str]:
        """Give the names of bundles whose model was exchanged in a period."""
        names = {one.bundle for one in self.breaks}
        return {name for name in names if self.version(name, number) != self.version(name, number - 1)}

    def version(self, bundle: str, number: int) -> str | None:
        """Give the version of a bundle whose counts hold in a period; None: there was only ever one."""
        own = [one for one in self.breaks if one.bundle == bundle]
        if not own:
            return None
        since = [one for one in own if one.period <= number]
        return since[-1].after if since else own[0].before

    def texts(self, series: Series, first: int, last: int, *, most: int) -> Sequence[str]:
        """Give the earliest distinct messages of a series from one period to another, both included; masked."""
        start, end = first * SECONDS[self.period], (last + 1) * SECONDS[self.period]
        asked = (
            select(MESSAGES.c.text)
            .where(MESSAGES.c.at >= start, MESSAGES.c.at < end, MESSAGES.c.copy_of.is_(None))
            .where(~MESSAGES.c.is_late, MESSAGES.c.text.is_not(None))
            .where(*(self._has(name, value, last) for name, value in series))
            .order_by(MESSAGES.c.at, MESSAGES.c.number)
            .limit(most)
        )
        with self.store.reading() as connection:
            return list(connection.execute(asked).scalars())

    def told(self, kind: str, number: int) -> list[tuple[Series, int]]:
        """Give series and period of the findings of a kind that were raised before a period, and not over by then."""
        start = number * SECONDS[self.period]
        asked = (
            select(FINDINGS.c.series, FINDINGS.c.raised)
            .where(FINDINGS.c.kind == kind, FINDINGS.c.raised < start)
            .where(or_(FINDINGS.c.ended.is_(None), FINDINGS.c.ended >= start))
            .order_by(FINDINGS.c.number)
        )
        with self.store.reading() as connection:
            rows = connection.execute(asked).all()
        return [(series_of(row.series), int(row.raised // SECONDS[self.period])) for row in rows]

    @cached_property
    def breaks(self) -> tuple[Break, ...]:
        """Where models were exchanged, in this order; while a watch runs it exchanges none."""
        with self.store.reading() as connection:
            rows = connection.execute(select(BREAKS).order_by(BREAKS.c.number)).all()
        seconds = SECONDS[self.period]
        return tuple(
            Break(
                row.bundle,
                row.before,
                row.after,
                int((row.at if row.answered_again_from is None else row.answered_again_from) // seconds),
            )
            for row in rows
        )

    @cached_property
    def _bundles(self) -> frozenset[str]:
        with self.store.reading() as connection:
            return frozenset(connection.execute(select(ANSWERS.c.bundle).distinct()).scalars())

    def _has(self, name: str, value: str, number: int) -> ColumnElement[bool]:
        if name not in self._bundles:
            return func.coalesce(MESSAGES.c.by[name].as_string(), "") == value
        own = (ANSWERS.c.message == MESSAGES.c.number) & (ANSWERS.c.bundle == name)
        version = self.version(name, number)
        if version is not None:
            own &= ANSWERS.c.version == version
        among = cast(ANSWERS.c.counted_by, Text).contains(json.dumps(value), autoescape=True)
        is_value = among | ((ANSWERS.c.label == value) & ANSWERS.c.counted_by.is_(None))
        return select(ANSWERS.c.message).where(own, is_value).exists()
