"""What a receiver is given: a group of alarms, each as it stands, and their words in its language."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import RowMapping

from metier.printable import printable_json
from metier.report.words import Words
from metier.text.personal_data import masked

LONGEST_QUOTE = 300  # Characters.
LONGEST_TITLE = 150
CLOCK = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True)
class Told:
    """An alarm as it is told.

    Parameters
    ----------
    number : int
        Of the finding in the store.
    since, raised : datetime
    ended : datetime or None
    """

    number: int
    fingerprint: str
    kind: str
    series: Mapping[str, str]
    sentence: str
    severity: str
    since: datetime
    raised: datetime
    ended: datetime | None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """`firing` or `resolved`, as Alertmanager says."""
        return "firing" if self.ended is None else "resolved"

    def quotes(self, most: int) -> list[str]:
        """Give examples without personal data, masked once more should a store have kept some."""
        shown = [one for one in self.facts.get("examples", ()) if isinstance(one, str)][:most]
        return [_short(" ".join(masked(one).text.split())) for one in shown]


def told_of(row: RowMapping) -> Told:
    """Give a row of the findings as it is told."""
    return Told(
        number=row["number"],
        fingerprint=row["fingerprint"],
        kind=row["kind"],
        series=row["series"],
        sentence=row["sentence"],
        severity=row["severity"],
        since=datetime.fromtimestamp(row["since"], UTC),
        raised=datetime.fromtimestamp(row["raised"], UTC),
        ended=None if row["ended"] is None else datetime.fromtimestamp(row["ended"], UTC),
        facts=row["facts"],
    )


@dataclass(frozen=True)
class Notice:
    """What is sent at once to one receiver.

    Parameters
    ----------
    delivery : int
        Number in the store, the same at each try.
    group : mapping of str to str
        The labels that the alarms have in common by the settings.
    alerts : tuple of Told
        Not empty.
    language : {"en", "zh"}
    quotes : int
        Most examples of an alarm.
    page : str
        Address of the morning page; empty: none.
    """

    delivery: int
    group: Mapping[str, str]
    alerts: tuple[Told, ...]
    language: str = "en"
    quotes: int = 3
    page: str = ""
    repeat_seconds: float = 86_400.0
    sent: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def say(self) -> Words:
        """The words of its language."""
        return Words(self.language)

    @property
    def key(self) -> str:
        """What tells a receiver that a notice came twice."""
        return f"metier-{self.delivery}-{'-'.join(str(one.number) + one.status[0] for one in self.alerts)}"[
            :200
        ]

    @property
    def is_over(self) -> bool:
        """Whether nothing in it still goes on."""
        return all(one.ended is not None for one in self.alerts)

    @property
    def title(self) -> str:
        """One line: the alarm, or how many."""
        firing = [one for one in self.alerts if one.ended is None]
        if len(self.alerts) == 1:
            return _short(f"{self.state(self.alerts[0])}: {self.sentence(self.alerts[0])}", LONGEST_TITLE)
        counts = {"n": str(len(firing)), "ended": str(len(self.alerts) - len(firing)), "group": self.group_name}
        return _short(self.say.told("{n} alarms, {ended} over: {group}".format(**counts)), LONGEST_TITLE)

    @property
    def group_name(self) -> str:
        """What the alarms have in common."""
        return " · ".join(self.group.values()) or self.say.told("all messages")

    def state(self, told: Told) -> str:
        """Give the first word of an alarm: how grave it is, or that it is over."""
        return self.say.told("Over" if told.ended is not None else SEVERITIES.get(told.severity, "Warning"))

    def sentence(self, told: Told) -> str:
        """Give what was found."""
        return " ".join(self.say.told(told.sentence).split())

    def times(self, told: Told) -> str:
        """Give from when to when."""
        since = told.since.strftime(CLOCK)
        if told.ended is None:
            return self.say.told(f"since {since}")
        return self.say.told(f"from {since} to {told.ended.strftime(CLOCK)}")

    def lines(self) -> list[str]:
        """Give it as lines of plain text."""
        lines = []
        for one in self.alerts:
            lines += [f"{self.state(one)}: {self.sentence(one)}", f"  {self.times(one)}"]
            lines += [f"  “{quote}”" for quote in one.quotes(self.quotes)]
        return [*lines, *([self.page] if self.page else [])]


SEVERITIES = {"info": "Note", "warning": "Warning", "critical": "Critical"}


def series_json(series: Mapping[str, str]) -> str:
    """Give a series as the tables have it: JSON with sorted keys."""
    return printable_json(dict(sorted(series.items())))


def _short(text: str, longest: int = LONGEST_QUOTE) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
