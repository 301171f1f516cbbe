"""An archive of dated messages, counted as a watch counts them: in the order of time, copies left out."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.monitoring.copies import RecentCopies, sketches
from metier.monitoring.counting import period_of, series_of
from metier.monitoring.series import Series
from metier.text.personal_data.masking import masked

CHUNK = 2_048


@dataclass(frozen=True)
class Archive:
    """Counts of an archive; a `Counted`.

    Parameters
    ----------
    period : {"day", "hour"}
    n_messages, n_distinct : int
        All messages, and those that are no copies of others.
    by_period : mapping of int to mapping of Series to list of str
        Masked texts of the distinct messages, the earliest first.
    """

    period: str
    n_messages: int
    n_distinct: int
    by_period: Mapping[int, Mapping[Series, list[str]]]

    @classmethod
    def counted(
        cls,
        seconds: np.ndarray,
        texts: Sequence[str],
        columns: Mapping[str, Sequence[Any]],
        by: Sequence[Sequence[str]],
        *,
        period: str,
        collapses: bool = True,
    ) -> "Archive":
        """Count messages.

        Parameters
        ----------
        seconds : ndarray of shape (n_messages,)
            Times, since 1970 in UTC.
        texts : sequence of str
        columns : mapping of str to sequence
        by : sequence of sequences of str
            Names of columns that are counted together.
        period : {"day", "hour"}
        collapses : bool
            Whether copies of the seven days before are left out.
        """
        copies = RecentCopies() if collapses else None
        found: dict[int, dict[Series, list[str]]] = defaultdict(lambda: defaultdict(list))
        distinct = 0
        order = np.argsort(seconds, kind="stable").tolist()
        for at in range(0, len(order), CHUNK):
            rows = order[at : at + CHUNK]
            told = [masked(texts[row]).text for row in rows]
            for row, text, is_copy in zip(rows, told, _copied(copies, told, seconds, rows, at), strict=True):
                if is_copy:
                    continue
                distinct += 1
                about = {name: _written(values[row]) for name, values in columns.items()}
                for name, _ in series_of(by, about, {}):
                    series = tuple(sorted(json.loads(name).items()))
                    found[period_of(float(seconds[row]), period)][series].append(text)
        return cls(period, len(order), distinct, found)

    @property
    def periods(self) -> range:
        """From the first message to the last."""
        return range(min(self.by_period), max(self.by_period) + 1)

    @property
    def n_periods(self) -> int:
        """How many there are."""
        return len(self.periods)

    @property
    def totals(self) -> Counter[Series]:
        """Give the distinct messages of each series."""
        total: Counter[Series] = Counter()
        for number in sorted(self.by_period):
            total.update(self.counts(number))
        return total

    def first_period(self) -> int | None:
        """Give the first period with a message."""
        return min(self.by_period, default=None)

    def counts(self, number: int) -> Mapping[Series, int]:
        """Give the distinct messages of each series in a period."""
        return {series: len(texts) for series, texts in self.by_period.get(number, {}).items()}

    def exchanged(self, number: int) -> Set[str]:
        """Give nothing: one model has answered all."""
        return frozenset()

    def texts(self, series: Series, first: int, last: int, *, most: int) -> list[str]:
        """Give the earliest distinct messages of a series."""
        found: list[str] = []
        for number in range(first, last + 1):
            found += self.by_period.get(number, {}).get(series, [])[: most - len(found)]
        return found


def _written(value: Any) -> str:
    return "" if value is None else str(value)


def _copied(
    copies: RecentCopies | None, told: Sequence[str], seconds: np.ndarray, rows: Sequence[int], at: int
) -> list[bool]:
    if copies is None:
        return [False] * len(rows)
    numbers = list(range(at + 1, at + 1 + len(rows)))
    return [
        one is not None for one in copies.add(sketches(told), [float(seconds[row]) for row in rows], numbers)
    ]
