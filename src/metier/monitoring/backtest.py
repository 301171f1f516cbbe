"""An archive of dated messages, watched as if it came in live: every finding that a watch would have told, and when."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metier.errors import DataError, UnknownNameError
from metier.monitoring.archive import Archive
from metier.monitoring.budget import FalseAlarms
from metier.monitoring.findings import Finding
from metier.monitoring.judges.surge_watch import FIRST_JUDGED
from metier.monitoring.judges.surges import SurgeJudge
from metier.monitoring.series import DAY, Series
from metier.progress import Listener, Progress, ignore

FORMAT = "metier.backtest.v2"
MOST_SIZES = 200  # Series whose smallest surge is said.


@dataclass(frozen=True)
class Backtest:
    """What would have been raised.

    Parameters
    ----------
    archive : Archive
    findings : tuple of Finding
        In the order in which a watch tells them: each when it is raised, and once more when it is over.
    missed : mapping of Series to float or None
        For each series that is watched at the end, those with a past first and 200 at most, how many times as many messages
        a surge of seven periods must bring to be found with 80 %.
    watched : int
        Series that are watched at the end.
    detector : str
    false_alarms : FalseAlarms
    """

    archive: Archive
    findings: tuple[Finding, ...]
    missed: Mapping[Series, float | None]
    watched: int
    detector: str
    false_alarms: FalseAlarms

    @property
    def alarms(self) -> list[Finding]:
        """Each alarm once, as it was known last; the earliest first."""
        last = {(one.fingerprint, one.raised): one for one in self.findings}
        return list(last.values())

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON."""
        archive = self.archive
        return {
            "format": FORMAT,
            "detector": self.detector,
            "false_alarms": str(self.false_alarms),
            "period": archive.period,
            "periods": archive.n_periods,
            "messages": archive.n_messages,
            "distinct_messages": archive.n_distinct,
            "series": self.watched,
            "alarms": [_plain(one) for one in self.alarms],
            "findings": [_plain(one) for one in self.findings],
            "smallest_found": [{"series": dict(key), "times": times} for key, times in self.missed.items()],
        }


def _plain(finding: Finding) -> dict[str, Any]:
    told = asdict(finding) | {"fingerprint": finding.fingerprint}
    return told | {name: getattr(finding, name).isoformat() for name in ("since", "raised")}


def backtest(
    seconds: np.ndarray,
    texts: Sequence[str],
    columns: Mapping[str, Sequence[Any]],
    *,
    by: Sequence[Sequence[str]] | None = None,
    false_alarms: FalseAlarms,
    period: str = DAY,
    detector_name: str = "quasi_cusum",
    collapses: bool = True,
    listener: Listener = ignore,
) -> Backtest:
    """Watch an archive.

    Parameters
    ----------
    seconds : ndarray of shape (n_messages,)
        Times, since 1970 in UTC.
    texts : sequence of str
    columns : mapping of str to sequence
        Values of the messages, by their names.
    by : sequence of sequences of str, optional
        Names that are counted together, as in the settings of a watch; default: all columns together.
    false_alarms : FalseAlarms
        Allowed over all series together.
    detector_name : str
        One of `signals.DETECTORS`.
    collapses : bool, default=True
        Whether messages that are nearly the same count once, the earliest of them.

    Raises
    ------
    DataError
        If the archive is too short for its past to say what is expected.
    UnknownNameError
        If there is no such detector or period.
    """
    if period not in FIRST_JUDGED:
        raise UnknownNameError("period", period, known=list(FIRST_JUDGED))
    judge = SurgeJudge(period=period, false_alarms=false_alarms, detector_name=detector_name)
    together = [list(columns)] if by is None and columns else by or []
    listener(Progress("counting", 0, len(texts), "messages"))
    archive = Archive.counted(seconds, texts, columns, together, period=period, collapses=collapses)
    _check_length(archive)
    findings: list[Finding] = []
    for done, number in enumerate(archive.periods):
        listener(Progress("watching", done, archive.n_periods, "periods"))
        findings += judge.judge(archive, number)
    listener(Progress("watching", archive.n_periods, archive.n_periods, "periods"))
    watched = judge.watch.watched()
    missed = {
        series: judge.watch.smallest_found(series, mean, dispersion, alpha)
        for series, (mean, dispersion, alpha) in list(watched.items())[:MOST_SIZES]
    }
    return Backtest(archive, tuple(findings), missed, len(watched), detector_name, false_alarms)


def _check_length(archive: Archive) -> None:
    needed = FIRST_JUDGED[archive.period]
    if archive.n_periods <= needed:
        raise DataError(
            f"The messages span {archive.n_periods:,} {archive.period}s, and nothing is judged in the first {needed:,}, "
            "whose counts say what is expected. Give an archive of more, or count by another period."
        )
