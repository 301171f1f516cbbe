"""The times of an archive's messages, read as a watch reads those of live ones."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from metier.data import Rows
from metier.data.splitting_columns import as_seconds
from metier.errors import DataError
from metier.monitoring.sources.times import FIRST_YEAR, LAST_YEAR, read_time

FIRST_SECOND = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp()
END = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp()
EIGHT_DIGITS = range(10_000_000, 100_000_000)  # A day: 20260501.


def archive_seconds(rows: Rows) -> np.ndarray:
    """Give the time of each row in seconds since 1970; numbers may count milliseconds, microseconds or nanoseconds.

    Returns
    -------
    ndarray of shape (n_rows,) and type float64

    Raises
    ------
    DataError
        If a row has no time, one that cannot be read, or one outside of the years that a watch takes.
    """
    seconds, values = as_seconds(rows), rows.column("time")
    if len(values) and _is_number(values[0]):
        seconds = np.array([_of_number(value) for value in values])
    wrong = np.flatnonzero(~((seconds >= FIRST_SECOND) & (seconds < END)))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"The time {str(values[row])[:60]!r} in row {row + 1} of {rows.origin} is none of the years {FIRST_YEAR} to "
            f"{LAST_YEAR}. Correct it, or leave the row out."
        )
    return seconds


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _of_number(value: Any) -> float:
    """Give the seconds of a number, not a number where it is no time."""
    is_day = isinstance(value, int) and value in EIGHT_DIGITS
    try:
        return read_time(str(value) if is_day else value, zone=UTC).timestamp()
    except ValueError:
        return float("nan")
