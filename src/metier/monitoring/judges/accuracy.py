"""Accuracy of a stream without labels as findings: estimated by confidence, checked against labels of the audit stream.

A bundle that is a run, or that was updated, knows its answers to rows with labels. By them confidence is calibrated, and
the answers of the last four weeks (100 messages or more) have an estimate with its interval
(`signals.unlabelled_accuracy`). It assumes that answers of the same confidence are as often right as before. Where labels
of the audit stream are there (messages drawn by chance, 30 or more in those weeks), what they measure is told instead,
which assumes nothing, with whether the estimate agrees. Messages that the bundle has learned since are left out.

A finding is told where the whole interval is below the bound: what the run measured, less 5 points. It is over when the
interval reaches the bound again. One estimate a week is made, so that a bound is not met by chance for being asked often.

Labels come later than messages. Each week is judged once, with the labels that are there by then, and what was told of it
stands: one that starts again reads from the store what was told before, and judges no week anew. Labels that come more than
four weeks after their message are not used here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.monitoring.audit_labels import AuditLabels
from metier.monitoring.findings import Finding
from metier.monitoring.judges.answered import PeriodAnswers, answers_of
from metier.monitoring.run_answers import RunAnswers, run_answers
from metier.monitoring.series import SECONDS, moment
from metier.monitoring.signals.audit_sample import AuditedAccuracy, audited_accuracy
from metier.monitoring.signals.unlabelled_accuracy import EstimatedAccuracy, estimate_accuracy
from metier.monitoring.store.period_counts import PeriodCounts
from metier.monitoring.watch_settings import WatchSettings

WINDOW_DAYS, EVERY_DAYS = 28, 7
FEWEST, FEWEST_LABELLED = 100, 30
POINTS_BELOW = 0.05
ASSUMPTION = "answers of the same confidence are as often right as before"

# From source and id of messages of the audit stream to their labels, as far as people gave them.
Labels = Callable[[Sequence[tuple[str, str]]], Mapping[tuple[str, str], str]]


@dataclass(frozen=True)
class PeriodAccuracy:
    """How accurate the answers of some weeks are.

    Parameters
    ----------
    bundle, version : str
    bound : float
    estimated : EstimatedAccuracy
    audited : AuditedAccuracy or None
        None: too few labels.
    """

    bundle: str
    version: str
    bound: float
    estimated: EstimatedAccuracy
    audited: AuditedAccuracy | None

    @property
    def told(self) -> EstimatedAccuracy | AuditedAccuracy:
        """What holds with the fewest assumptions."""
        return self.estimated if self.audited is None else self.audited

    @property
    def agrees(self) -> bool | None:
        """Whether both intervals have a value in common; None: there are too few labels."""
        if self.audited is None:
            return None
        return self.estimated.low <= self.audited.high and self.audited.low <= self.estimated.high


class AccuracyJudge:
    """Judges how accurate bundles are.

    Parameters
    ----------
    measured : mapping of str to RunAnswers
        What is known of bundles, by their names in the settings.
    period : {"day", "hour"}
    labels : callable, optional
        Gives the labels of the audit stream.
    bounds : mapping of str to float, optional
        Accuracy that must not be fallen below; default: five points below what was measured.
    """

    def __init__(
        self,
        measured: Mapping[str, RunAnswers],
        *,
        period: str,
        labels: Labels | None = None,
        bounds: Mapping[str, float] | None = None,
    ):
        self._measured, self._period, self._labels = dict(measured), period, labels
        own = {name: float(one.correct.mean()) - POINTS_BELOW for name, one in self._measured.items()}
        self._bounds = own | dict(bounds or {})
        self._in_days = 86_400 // SECONDS[period]
        self._next: int | None = None
        self._raised: dict[str, int] = {}

    def judge(self, counted: PeriodCounts, number: int) -> list[Finding]:
        """Give the bundles whose accuracy is shown to be below its bound, and those of which it is not any more."""
        if self._next is None or number < self._next:
            # It starts, or what it said could not be stored: what was told before the period is what holds.
            told = [
                (dict(series).get("bundle", ""), raised) for series, raised in counted.told("accuracy", number)
            ]
            self._raised = {bundle: raised for bundle, raised in told if bundle in self._measured}
            self._next = number
        found: list[Finding] = []
        while self._next <= number:
            found = self._step(counted, self._next)
            self._next += 1
        return found

    def measure(self, counted: PeriodCounts, bundle: str, number: int) -> PeriodAccuracy | None:
        """Estimate the accuracy of the four weeks up to a period; None: too few messages."""
        known = self._measured[bundle]
        weeks = [
            answers_of(counted, bundle, one)
            for one in range(number + 1 - WINDOW_DAYS * self._in_days, number + 1)
        ]
        own = [one for one in weeks if one is not None]
        own = [one.unlearned(known.learned) for one in own if one.version == own[-1].version]
        if sum(map(len, own)) < FEWEST:
            return None
        sure = np.concatenate([one.confidence for one in own])
        estimated = estimate_accuracy(known.probabilities.max(axis=1), known.correct, sure, random_state=number)
        return PeriodAccuracy(bundle, own[-1].version, self._bounds[bundle], estimated, self._audited(own))

    def _audited(self, own: Sequence[PeriodAnswers]) -> AuditedAccuracy | None:
        if self._labels is None:
            return None
        answered = {
            key: label
            for one in own
            for key, label, is_audit in zip(one.ids, one.labels, one.is_audit, strict=True)
            if is_audit
        }
        labels = self._labels(list(answered))
        right = [labels[key] == label for key, label in answered.items() if key in labels]
        return audited_accuracy(np.array(right)) if len(right) >= FEWEST_LABELLED else None

    def _step(self, counted: PeriodCounts, number: int) -> list[Finding]:
        first = counted.first_period()
        if first is None or (number - first + 1) % (EVERY_DAYS * self._in_days):
            return []
        found = []
        for bundle in self._measured:
            measured = self.measure(counted, bundle, number)
            if measured is None:
                continue
            is_below = measured.told.high < measured.bound
            if is_below and bundle not in self._raised:
                self._raised[bundle] = number
                found.append(self._finding(measured, number, number, is_over=False))
            elif not is_below and bundle in self._raised:
                found.append(self._finding(measured, self._raised.pop(bundle), number, is_over=True))
        return found

    def _finding(self, measured: PeriodAccuracy, raised: int, number: int, *, is_over: bool) -> Finding:
        told = measured.told
        value, low, high = (f"{100 * one:.1f}" for one in (told.value, told.low, told.high))
        bound = f"{100 * measured.bound:.1f}"
        if is_over:
            sentence = f"{measured.bundle}: accuracy {value} % [{low}, {high}], not shown to be below {bound} % any more."
        elif measured.audited is None:
            sentence = (
                f"{measured.bundle}: estimated accuracy {value} % [{low}, {high}], below {bound} %, if answers of the same "
                "confidence are as often right as before."
            )
        else:
            sentence = (
                f"{measured.bundle}: accuracy {value} % [{low}, {high}] of {told.labelled} labelled messages, below "
                f"{bound} %."
            )
        return Finding(
            "accuracy",
            {"bundle": measured.bundle},
            sentence,
            moment(raised + 1 - WINDOW_DAYS * self._in_days, self._period),
            moment(raised, self._period),
            "critical",
            is_over,
            _facts(measured) | {"last": moment(number, self._period).isoformat()},
        )


def build(settings: WatchSettings) -> AccuracyJudge | None:
    """Give the judge that the settings of a watch ask for; None: no bundle is a run that has measured itself."""
    found = {name: run_answers(path) for name, path in settings.bundles.items()}
    known = {name: one for name, one in found.items() if one is not None}
    if not known:
        return None
    return AccuracyJudge(
        known,
        period=settings.period,
        labels=None if settings.audit_labels is None else AuditLabels(settings.audit_labels),
    )


def _facts(measured: PeriodAccuracy) -> dict[str, Any]:
    return {
        "version": measured.version,
        "bound": measured.bound,
        "estimated": vars(measured.estimated),
        "audited": None if measured.audited is None else vars(measured.audited),
        "agrees": measured.agrees,
        "assumption": ASSUMPTION if measured.audited is None else "the audit stream is drawn by chance",
    }
