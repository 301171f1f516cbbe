"""Shares of labels and the accuracy of answers for the morning brief: since then, and in the weeks before."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import select

from metier.monitoring.measured_answers import MeasuredAnswers, measured_answers
from metier.monitoring.signals.corrected_shares import Shares, corrected_shares, plain_shares
from metier.monitoring.signals.unlabelled_accuracy import EstimatedAccuracy, estimate_accuracy
from metier.monitoring.store.tables import ANSWERS, MESSAGES
from metier.monitoring.store.watch_store import WatchStore
from metier.monitoring.watch_settings import WatchSettings

BEFORE_DAYS = 28
FEWEST = 30  # Answers for a share or an estimate.
MOST_LABELS = 8  # Of which shares are shown.
MOST_GROUPS_LABELS = 12  # A bundle of more labels has no shares by series: each would rest on a few answers.
MOST_ANSWERS = 200_000

Counts = dict[str, int]


@dataclass
class BundleAnswers:
    """The answers of one bundle.

    Parameters
    ----------
    name : str
        In the settings.
    labels : tuple of str
    now, before : mapping of str to int
        How often each label was answered.
    confidence : list of float
        Of the answers since then.
    by_values : mapping of (str, str) to mapping of str to int
        Answers since then of messages with a value of a column.
    measured : MeasuredAnswers or None
        What its run has measured, where the same version answers.
    """

    name: str
    version: str
    now: Counts = field(default_factory=lambda: defaultdict(int))
    before: Counts = field(default_factory=lambda: defaultdict(int))
    confidence: list[float] = field(default_factory=list)
    by_values: dict[tuple[str, str], Counts] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )
    measured: MeasuredAnswers | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Its labels; those that were answered where a run does not say them."""
        return self.measured.labels if self.measured is not None else tuple(sorted({*self.now, *self.before}))

    def facts(self) -> dict[str, Any]:
        """Give its part of the brief."""
        now, before = self._shares(self.now), self._shares(self.before)
        accuracy = self._accuracy()
        return {
            "name": self.name,
            "version": self.version,
            "answers": sum(self.now.values()),
            "answers_before": sum(self.before.values()),
            "before_days": BEFORE_DAYS,
            "is_corrected": self.measured is not None,
            "n_labels": len(self.labels),
            "labels": [] if now is None else self._rows(now, before),
            "measured": None if self.measured is None else self.measured.accuracy,
            "accuracy": None if accuracy is None else vars(accuracy),
        }

    def shares_of(self, series: Mapping[str, str]) -> list[dict[str, Any]] | None:
        """Give the shares of labels among messages of a series of one column; None: too few, or another series."""
        if len(series) != 1 or len(self.labels) > MOST_GROUPS_LABELS:
            return None
        counts = self.by_values.get(next(iter(series.items())))
        shares = None if counts is None else self._shares(counts)
        return None if shares is None else self._rows(shares, None)

    def _shares(self, counts: Mapping[str, int]) -> Shares | None:
        numbers = np.array([counts.get(label, 0) for label in self.labels])
        if numbers.sum() < FEWEST:
            return None
        return (
            plain_shares(numbers)
            if self.measured is None
            else corrected_shares(numbers, self.measured.confusion)
        )

    def _rows(self, now: Shares, before: Shares | None) -> list[dict[str, Any]]:
        """Give the labels, of many those that moved most and are most frequent."""
        change = now.value if before is None else np.abs(now.value - before.value) + 0.1 * now.value
        places = sorted(
            np.argsort(-change, kind="stable")[:MOST_LABELS].tolist(), key=lambda one: -now.value[one]
        )
        return [
            {
                "label": self.labels[place],
                "now": _share(now, place),
                "before": None if before is None else _share(before, place),
            }
            for place in places
        ]

    def _accuracy(self) -> EstimatedAccuracy | None:
        if self.measured is None or len(self.confidence) < FEWEST:
            return None
        return estimate_accuracy(self.measured.confidence, self.measured.correct, np.array(self.confidence))


def _share(shares: Shares, place: int) -> dict[str, float]:
    ends = {"value": shares.value, "low": shares.low, "high": shares.high, "answered": shares.answered}
    return {name: round(float(values[place]), 4) for name, values in ends.items()}


def read_answers(store: WatchStore, settings: WatchSettings, start: datetime) -> list[BundleAnswers]:
    """Read the answers with one label since then and in the weeks before, of the version that answered last."""
    found: dict[str, BundleAnswers] = {}
    first = (start - timedelta(days=BEFORE_DAYS)).timestamp()
    asked = (
        select(
            ANSWERS.c.bundle,
            ANSWERS.c.version,
            ANSWERS.c.label,
            ANSWERS.c.confidence,
            MESSAGES.c.at,
            MESSAGES.c.by,
        )
        .join(MESSAGES, MESSAGES.c.number == ANSWERS.c.message)
        .where(MESSAGES.c.at >= first, MESSAGES.c.copy_of.is_(None), ANSWERS.c.label.is_not(None))
        .order_by(MESSAGES.c.at.desc())
        .limit(MOST_ANSWERS)
    )
    with store.reading() as connection:
        for row in connection.execute(asked):
            one = found.setdefault(row.bundle, BundleAnswers(row.bundle, row.version))  # The latest first.
            if one.version != row.version:
                continue
            if row.at < start.timestamp():
                one.before[row.label] += 1
            else:
                _add(one, row.label, row.confidence, row.by)
    for one in found.values():
        measured = measured_answers(settings.bundles[one.name]) if one.name in settings.bundles else None
        one.measured = measured if measured is not None and measured.version == one.version else None
    return [found[name] for name in sorted(found)]


def _add(one: BundleAnswers, label: str, confidence: float | None, by: Mapping[str, str]) -> None:
    one.now[label] += 1
    if confidence is not None:
        one.confidence.append(confidence)
    for column in by.items():
        one.by_values[column][label] += 1
