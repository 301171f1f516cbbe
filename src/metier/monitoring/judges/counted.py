"""What a judge reads: the counts of a stream by period, wherever they are stored."""

from collections.abc import Mapping, Sequence, Set
from typing import Protocol

from metier.monitoring.series import Series


class Counted(Protocol):
    """Counts by period. A watch has them in its store, and an archive in memory."""

    def first_period(self) -> int | None:
        """Give the first period with a message; None: there is none."""
        ...

    def counts(self, number: int) -> Mapping[Series, int]:
        """Give the distinct messages of each series in a period, where there are any."""
        ...

    def exchanged(self, number: int) -> Set[str]:
        """Give the names of bundles whose model was exchanged in a period, and nothing before was answered again."""
        ...

    def texts(self, series: Series, first: int, last: int, *, most: int) -> Sequence[str]:
        """Give the earliest distinct messages of a series from one period to another, both included; masked."""
        ...
