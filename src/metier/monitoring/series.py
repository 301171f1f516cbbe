"""What messages are counted by: periods of a day or an hour in UTC, and series, one for each combination of values."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

DAY, HOUR = "day", "hour"
SECONDS: Mapping[str, int] = {DAY: 86_400, HOUR: 3_600}

# What a series is about: names and values, sorted by name; empty: all messages.
Series = tuple[tuple[str, str], ...]
ALL: Series = ()


def series_of(about: Mapping[str, Any]) -> Series:
    """Give the series of names and values."""
    return tuple(sorted((name, "" if value is None else str(value)) for name, value in about.items()))


def kind_of(series: Series) -> tuple[str, ...]:
    """Give the names that a series is counted by."""
    return tuple(name for name, _ in series)


def named(series: Series) -> str:
    """Give the name of a series for a sentence."""
    return ", ".join(f"{name} {value or '–'}" for name, value in series) or "all messages"


def moment(number: int, period: str) -> datetime:
    """Give the beginning of a period, in UTC."""
    return datetime.fromtimestamp(number * SECONDS[period], UTC)
