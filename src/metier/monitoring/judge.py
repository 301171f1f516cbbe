"""What judges a closed period: from what is stored up to it to findings.

A judge is one line of `JUDGES`: its name, and the function that gives it from the settings of a watch.
"""

import pkgutil
from collections.abc import Callable, Mapping
from typing import Protocol

from metier.monitoring.findings import Finding
from metier.monitoring.store.period_counts import PeriodCounts
from metier.monitoring.watch_settings import WatchSettings


class Judge(Protocol):
    """Judges the periods of a watch, each once, in order. Nothing need inherit from this.

    What it says is a function of what is stored of periods up to the one it is asked about: one that was started again must
    say the same as one that was not. It may remember what it has read.
    """

    def judge(self, counted: PeriodCounts, number: int) -> list[Finding]:
        """Give what is found in a period, and what is over.

        Parameters
        ----------
        counted : PeriodCounts
            Counts by period, texts behind them, and the store.
        number : int
            Of the period, since 1970 in UTC.
        """
        ...


Build = Callable[[WatchSettings], Judge | None]
# Where the function is that gives a judge, or None where the settings ask for none.
JUDGES: Mapping[str, str] = {
    "surges": "metier.monitoring.judges.surges:build",
    "drift": "metier.monitoring.judges.drift:build",
    "accuracy": "metier.monitoring.judges.accuracy:build",
}


def build_judges(settings: WatchSettings) -> dict[str, Judge]:
    """Give the judges that settings ask for, by name."""
    built = {name: _build(where)(settings) for name, where in JUDGES.items()}
    return {name: judge for name, judge in built.items() if judge is not None}


def _build(where: str) -> Build:
    build: Build = pkgutil.resolve_name(where)
    return build
