"""Surges of a stream as findings: what moved, since when, by how much, what was said, what else moved, what is missed."""

from collections.abc import Mapping, Sequence
from typing import Any

from metier.monitoring.alarms import LASTING
from metier.monitoring.budget import FalseAlarms
from metier.monitoring.findings import Finding, Severity
from metier.monitoring.judges.counted import Counted
from metier.monitoring.judges.surge_watch import Surge, SurgeWatch
from metier.monitoring.run_answers import run_answers
from metier.monitoring.series import DAY, moment, named
from metier.monitoring.signals.confused_counts import Confusion
from metier.monitoring.signals.detectors import detector
from metier.monitoring.watch_settings import WatchSettings

EXAMPLES = 3
LONGEST = 200  # Characters of an example.
MOST_OTHERS = 20  # Series that moved at the same time.
CRITICAL = 3.0  # Times as many, at the lower end of the interval.


class SurgeJudge:
    """Judges the closed periods of a stream, in order; what it remembers it has from the counts alone.

    Asked about a period, it first goes through those before that it has not seen. So one that was started again says the
    same as one that was not, and the same as one that is given the stream as an archive.

    Parameters
    ----------
    period : {"day", "hour"}
    false_alarms : FalseAlarms
        Allowed over all series together.
    detector_name : str
        One of `signals.DETECTORS`.
    confusions : mapping of str to Confusion, optional
        What the models of series take for what, by their names.

    Raises
    ------
    UnknownNameError
        If there is no such detector.
    """

    def __init__(
        self,
        *,
        period: str = DAY,
        false_alarms: FalseAlarms,
        detector_name: str = "quasi_cusum",
        confusions: Mapping[str, Confusion] | None = None,
    ):
        self._period, self._name, self._find = period, detector_name, detector(detector_name)
        self._allowed, self._confusions = false_alarms, confusions
        self._begin()

    def _begin(self) -> None:
        self.watch = SurgeWatch(
            period=self._period, false_alarms=self._allowed, find=self._find, confusions=self._confusions
        )
        self._next: int | None = None

    def judge(self, counted: Counted, number: int) -> list[Finding]:
        """Give what is raised in a period, and what is over.

        Parameters
        ----------
        counted : Counted
            Complete up to the period; what comes later is not asked for.
        number : int
            Of the period, since 1970.
        """
        if self._next is not None and number < self._next:
            self._begin()  # It is asked again, as what it said could not be stored.
        if self._next is None:
            self._next = counted.first_period()
        if self._next is None or number < self._next:
            return []
        surges: Sequence[Surge] = ()
        while self._next <= number:
            surges = self._step(counted, self._next)
            self._next += 1
        return [self._finding(one, counted) for one in surges]

    def _step(self, counted: Counted, number: int) -> list[Surge]:
        return self.watch.step(number, counted.counts(number), exchanged=counted.exchanged(number))

    def _finding(self, surge: Surge, counted: Counted) -> Finding:
        size = surge.size
        told = {
            "name": named(surge.series),
            "observed": f"{size.observed:,}",
            "since": self._written(surge.since),
            "expected": f"{size.expected:,.1f}",
            "times": f"{size.times:.1f}",
            "low": f"{size.low:.1f}",
            "high": f"{size.high:.1f}",
        }
        sentence = (
            f"{told['name']}: over. {told['observed']} messages from {told['since']} to {self._written(surge.last)}, where "
            f"{told['expected']} were expected: {told['times']} times as many [{told['low']}, {told['high']}]."
            if surge.is_over
            else f"{told['name']}: {told['observed']} messages since {told['since']}, where {told['expected']} were "
            f"expected: {told['times']} times as many [{told['low']}, {told['high']}]."
        )
        corrected = self.watch.corrected(surge)
        if corrected is not None:
            value, low, high = (f"{one:,.0f}" for one in (corrected.value, corrected.low, corrected.high))
            sentence += f" Corrected for what the model takes for what: {value} messages [{low}, {high}]."
        return Finding(
            "surge",
            dict(surge.series),
            sentence,
            moment(surge.since, self._period),
            moment(surge.raised, self._period),
            _severity(surge),
            surge.is_over,
            self._facts(surge, counted) | {"corrected": None if corrected is None else vars(corrected)},
        )

    def _facts(self, surge: Surge, counted: Counted) -> dict[str, Any]:
        texts = counted.texts(surge.series, surge.raised, surge.last, most=EXAMPLES)
        others = [
            one.series for one in self.watch.running if one.series != surge.series and one.overlaps(surge)
        ]
        return {
            **vars(surge.size),
            "since": moment(surge.since, self._period).isoformat(),
            "last": moment(surge.last, self._period).isoformat(),
            "raised": moment(surge.raised, self._period).isoformat(),
            "examples": [text[:LONGEST] for text in texts],
            "also": [dict(one) for one in others[:MOST_OTHERS]],
            "compared_with": "its own past" if surge.has_past else "series of its kind",
            "smallest_found": self.watch.smallest_found(
                surge.series, surge.mean, surge.dispersion, surge.alpha
            ),
            "smallest_found_periods": LASTING,
            "false_alarm_probability": surge.alpha,
            "detector": self._name,
        }

    def _written(self, number: int) -> str:
        return moment(number, self._period).strftime("%Y-%m-%d" if self._period == DAY else "%Y-%m-%d %H:%M")


def build(settings: WatchSettings) -> SurgeJudge:
    """Give the judge that the settings of a watch ask for."""
    known = {name: run_answers(path) for name, path in settings.bundles.items()}
    return SurgeJudge(
        period=settings.period,
        false_alarms=settings.allowed,
        detector_name=settings.detector,
        confusions={name: one.confusion for name, one in known.items() if one is not None},
    )


def _severity(surge: Surge) -> Severity:
    return "critical" if surge.size.low >= CRITICAL else "warning"
