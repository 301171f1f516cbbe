"""What a batch leaves in the store: messages with their answers, what of it was refused, the counts, the position."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from metier.monitoring.answers import AnswersOfOne
from metier.monitoring.counting import series_of, versions_name
from metier.monitoring.messages import Message, Position, Refused


@dataclass(frozen=True)
class NewMessage:
    """A message that is to be stored.

    Parameters
    ----------
    number : int
        In the order of storing.
    message : Message
        Its text masked.
    period : int
        In which it is counted.
    answers : mapping of str to Answered or Unanswered
    copy_of : int or None
        The number of the original that it nearly repeats.
    sketch : ndarray of uint16
    is_late : bool
        Whether its period had been judged.
    is_audit : bool
    """

    number: int
    message: Message
    period: int
    answers: AnswersOfOne
    copy_of: int | None
    sketch: np.ndarray
    is_late: bool
    is_audit: bool


@dataclass(frozen=True)
class StoredBatch:
    """All that is written in one transaction.

    Parameters
    ----------
    source : str
    messages : sequence of NewMessage
    refused : sequence of Refused
        Excerpts masked.
    position : JSON value
    received : datetime
    latest : float or None
        When the latest message of the source was written, in seconds since 1970.
    versions : mapping of str to str
        Of the bundles that answered.
    by : sequence of sequences of str
        What messages are counted by.
    keeps_text : bool
    """

    source: str
    messages: Sequence[NewMessage]
    refused: Sequence[Refused]
    position: Position
    received: datetime
    latest: float | None
    versions: Mapping[str, str]
    by: Sequence[Sequence[str]]
    keeps_text: bool = True


@dataclass
class Tally:
    """Messages of one period, series and version: those on time, and those that came late."""

    messages: int = 0
    distinct: int = 0
    late: int = 0
    late_distinct: int = 0

    def add(self, *, is_late: bool, is_copy: bool) -> None:
        """Count one message."""
        if is_late:
            self.late += 1
            self.late_distinct += not is_copy
        else:
            self.messages += 1
            self.distinct += not is_copy


@dataclass
class Counts:
    """Counts by period, series and versions.

    Parameters
    ----------
    by : sequence of sequences of str
    versions : mapping of str to str
    """

    by: Sequence[Sequence[str]]
    versions: Mapping[str, str]
    tallies: dict[tuple[int, str, str], Tally] = field(default_factory=lambda: defaultdict(Tally))

    def add(
        self, period: int, columns: Mapping[str, str], answers: AnswersOfOne, *, is_late: bool, is_copy: bool
    ) -> None:
        """Count a message in all its series."""
        for series, bundles in series_of(self.by, columns, answers):
            key = (period, series, versions_name(self.versions, bundles))
            self.tallies[key].add(is_late=is_late, is_copy=is_copy)

    def leave_out(self, series: str) -> None:
        """Forget the counts of a series."""
        for key in [key for key in self.tallies if key[1] == series]:
            del self.tallies[key]

    def rows(self) -> list[dict[str, Any]]:
        """Give them as rows of the table."""
        return [
            {"period": period, "series": series, "versions": versions, **vars(tally)}
            for (period, series, versions), tally in sorted(self.tallies.items())
        ]
