"""The morning brief: what moved since yesterday, what people said, how right answers are, what would have been missed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import select

from metier.monitoring.alarms import LASTING, smallest_found
from metier.monitoring.alerts.acknowledging import Listed, listed
from metier.monitoring.alerts.notices import Told
from metier.monitoring.brief_answers import BundleAnswers, read_answers
from metier.monitoring.series import SECONDS
from metier.monitoring.signals.detectors import detector
from metier.monitoring.store.period_counts import PeriodCounts
from metier.monitoring.store.tables import REFUSED
from metier.monitoring.store.watch_store import WatchStore
from metier.monitoring.watch_settings import WatchSettings
from metier.monitoring.watched_series import SHOWN, Key, WatchedSeries, band, watched_series

FORMAT = "metier.brief.v1"
MOST_FOUND = 40
MOST_ROWS = 15  # Of a table of series.
MOST_MISSED = 6
FEWEST = 30  # Messages of a series for which it is said what would be missed.


def brief(
    store: WatchStore, settings: WatchSettings, *, now: datetime, since: datetime | None = None
) -> dict[str, Any]:
    """Give the facts of the brief as JSON values.

    Parameters
    ----------
    since : datetime, optional
        What is new began then; None: the last period that was judged.
    """
    counted = PeriodCounts(store, settings.period)
    last = store.last_closed()
    table = None if last is None else watched_series(counted, last)
    start = _start(settings, last, since, now)
    known = table if table is not None and table.place(start) < table.n_periods else None
    answers = read_answers(store, settings, start)
    return {
        "format": FORMAT,
        "made": now.isoformat(timespec="seconds"),
        "since": start.isoformat(),
        "until": None if last is None else _moment((last + 1) * SECONDS[settings.period]).isoformat(),
        "period": settings.period,
        "false_alarms": settings.false_alarms,
        "detector": settings.detector,
        "texts": settings.text,
        "messages": dict(store.figures()),
        "refused_since": _refused(store, start),
        "sources": _sources(store, now, settings),
        "found": _found(store, table, start, now),
        "volume": None if known is None else _volume(known, start),
        "series": [] if known is None else _series(known, settings, start, answers),
        "answers": [one.facts() for one in answers],
        "missed": [] if known is None else _missed(known, settings),
    }


def _start(settings: WatchSettings, last: int | None, since: datetime | None, now: datetime) -> datetime:
    if since is not None:
        return since
    seconds = SECONDS[settings.period]
    return _moment((int(now.timestamp() // seconds) - 1 if last is None else last) * seconds)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _refused(store: WatchStore, start: datetime) -> list[dict[str, Any]]:
    """Give why messages were refused since then, the most frequent reason first."""
    asked = select(REFUSED.c.source, REFUSED.c.reason).where(REFUSED.c.received >= start.timestamp())
    with store.reading() as connection:
        tally = Counter((row.source, row.reason) for row in connection.execute(asked))
    return [{"source": source, "reason": why, "n": n} for (source, why), n in tally.most_common(5)]


def _sources(store: WatchStore, now: datetime, settings: WatchSettings) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "stored": one.stored.isoformat(),
            "latest": None if one.latest is None else one.latest.isoformat(),
            "is_silent": one.latest is None
            or (now - one.latest).total_seconds() > 2 * SECONDS[settings.period],
        }
        for name, one in store.sources().items()
    ]


def _found(
    store: WatchStore, table: WatchedSeries | None, start: datetime, now: datetime
) -> list[dict[str, Any]]:
    """Give what is new, goes on, or has ended since then: the new first, in each the gravest and largest first."""
    with store.reading() as connection:
        every = listed(connection, now.timestamp(), with_ended=True, most=1_000)
    found = [_alarm(one, table, start) for one in every if _is_of_now(one, start)]
    order = {"new": 0, "goes on": 1, "over": 2}
    grave = {"critical": 0, "warning": 1, "info": 2}
    found.sort(
        key=lambda one: (order[one["state"]], grave.get(one["severity"], 1), -(one["facts"].get("times") or 0))
    )
    return found[:MOST_FOUND]


def _is_of_now(one: Listed, start: datetime) -> bool:
    return one.told.ended is None or one.told.ended >= start or one.told.raised >= start


def _alarm(one: Listed, table: WatchedSeries | None, start: datetime) -> dict[str, Any]:
    told = one.told
    state = "over" if told.ended is not None else "new" if told.raised >= start else "goes on"
    key = tuple(sorted(told.series.items()))
    return {
        "number": told.number,
        "kind": told.kind,
        "series": dict(told.series),
        "severity": told.severity,
        "state": state,
        "sentence": told.sentence,
        "since": told.since.isoformat(),
        "raised": told.raised.isoformat(),
        "ended": None if told.ended is None else told.ended.isoformat(),
        "acknowledged_by": one.by or None,
        "comment": one.comment or None,
        "silenced_until": None if one.silenced_until is None else one.silenced_until.isoformat(),
        "undelivered": list(one.undelivered),
        "quotes": told.quotes(3),
        "facts": {name: value for name, value in told.facts.items() if name != "examples"},
        "by_now": _by_now(told, key, table),
        "chart": None if table is None or key not in table.counts else _chart(table, key),
    }


def _by_now(told: Told, key: Key, table: WatchedSeries | None) -> dict[str, Any] | None:
    """Hold what came since an alarm began against what was expected, where it goes on."""
    if told.kind != "surge" or told.ended is not None or table is None or key not in table.counts:
        return None
    ratio = table.ratio(key, max(table.place(told.since), 0), table.n_periods - 1)
    return None if ratio is None else asdict(ratio)


def _chart(table: WatchedSeries, key: Key) -> dict[str, Any]:
    """Give the counts of the last periods with the band of what was expected."""
    expected, own = table.expected(key), slice(-SHOWN[table.period], None)
    low, high = band(expected)
    shown = table.counts[key][own]
    return {
        "first": table.moment(table.n_periods - len(shown)).isoformat(),
        "counts": shown.tolist(),
        "expected": _numbers(expected.mean[own]),
        "low": _numbers(low[own]),
        "high": _numbers(high[own]),
    }


def _numbers(values: np.ndarray) -> list[float | None]:
    return [round(value, 2) if np.isfinite(value) else None for value in values.tolist()]


def _volume(table: WatchedSeries, start: datetime) -> dict[str, Any] | None:
    """Give the messages since then, held against what was expected, with the chart of the last periods."""
    if () not in table.counts:
        return None
    return {**_held_against(table, (), start), "chart": _chart(table, ())}


def _held_against(table: WatchedSeries, key: Key, start: datetime) -> dict[str, Any]:
    first = max(table.place(start), 0)
    ratio = table.ratio(key, first, table.n_periods - 1)
    if ratio is not None:
        return asdict(ratio)
    nothing = dict.fromkeys(("expected", "times", "low", "high"))
    return {"observed": int(table.counts[key][first:].sum()), **nothing}


def _series(
    table: WatchedSeries, settings: WatchSettings, start: datetime, answers: Sequence[BundleAnswers]
) -> list[dict[str, Any]]:
    """Give a table for each combination of the settings' `by`: the largest series now, and what was expected of each."""
    tables = []
    for names in settings.by:
        own = [key for key in table.counts if tuple(name for name, _ in key) == tuple(sorted(names)) and key]
        largest = sorted(own, key=lambda key: (-_of_now(table, key, start), key))[:MOST_ROWS]
        rows = [
            _row(table, key, start, answers)
            for key in largest
            if table.counts[key][-SHOWN[table.period] :].any()
        ]
        tables.append({"by": list(names), "n": len(own), "rows": rows})
    return tables


def _of_now(table: WatchedSeries, key: Key, start: datetime) -> int:
    return int(table.counts[key][max(table.place(start), 0) :].sum())


def _row(table: WatchedSeries, key: Key, start: datetime, answers: Sequence[BundleAnswers]) -> dict[str, Any]:
    return {
        "series": dict(key),
        **_held_against(table, key, start),
        "counts": table.counts[key][-SHOWN[table.period] :].tolist(),
        "shares": {one.name: found for one in answers if (found := one.shares_of(dict(key))) is not None},
    }


def _missed(table: WatchedSeries, settings: WatchSettings) -> list[dict[str, Any]]:
    """Give the smallest surge that would be found in the largest series, with a probability of 80 %."""
    counts: Mapping[Key, int] = {key: int(own.sum()) for key, own in table.counts.items()}
    watched = [key for key in counts if counts[key] >= FEWEST]
    find = detector(settings.detector)
    alpha = settings.allowed.of_a_test(max(len(watched), 1), period=settings.period)
    found = []
    for key in sorted(watched, key=lambda key: (-counts[key], key))[:MOST_MISSED]:
        expected = table.expected(key)
        if np.isfinite(expected.mean[-1]):
            times = smallest_found(find, float(expected.mean[-1]), float(expected.dispersion[-1]), alpha)
            found.append({"series": dict(key), "times": times, "periods": LASTING})
    return found
