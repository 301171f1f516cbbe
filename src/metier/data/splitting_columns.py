"""Columns that decide the split: the part that each row was given, and its time."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from metier.data.formats.folder import SPLIT_NAMES
from metier.data.rows import Rows
from metier.errors import DataError
from metier.figures import count_of

# Formats besides ISO 8601, tried in this order on all rows at once, so that a file has one format.
_FORMS = ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y年%m月%d日", "%d.%m.%Y", "%Y%m%d")


def positions_by_split(rows: Rows) -> dict[str, np.ndarray]:
    """Give the positions of the rows of each part of the split column: train, validation, test.

    Raises
    ------
    DataError
        If a row belongs to none of them, or there is no training row.
    """
    values = rows.column("split")
    meant = [SPLIT_NAMES.get(str(value).strip().lower()) for value in values]
    unknown = Counter(repr(value) for value, split in zip(values, meant, strict=True) if split is None)
    if unknown:
        shown = ", ".join(f"{value} ({count_of(count, 'row')})" for value, count in unknown.most_common(5))
        raise DataError(
            f"The split column {rows.roles.split!r} of {rows.origin} holds {shown}; expected train, validation "
            "and test. Rename these values, or ignore the column with --split none."
        )
    parts: dict[str, np.ndarray] = {
        name: np.flatnonzero([split == name for split in meant])
        for name in ("train", "validation", "test")
        if name in meant
    }
    if "train" not in parts:
        raise DataError(
            f"The split column {rows.roles.split!r} of {rows.origin} has no row with train. "
            "Add training rows, or ignore the column with --split none."
        )
    return parts


def as_seconds(rows: Rows) -> np.ndarray:
    """Give the time of each row in seconds; numbers are used unchanged.

    Returns
    -------
    ndarray of shape (n_rows,) and type float64

    Raises
    ------
    DataError
        If a row has no time, or one that cannot be read.
    """
    values = rows.column("time")
    missing = [position for position, value in enumerate(values) if value is None or value == ""]
    if missing:
        raise DataError(
            f"{rows.origin} has {count_of(len(missing), 'row')} without {rows.roles.time!r}; the first is row "
            f"{missing[0] + 1}. "
            "Fill them in, or ignore the column with --time none."
        )
    readers: list[Callable[[Any], float]] = [float, _iso, *(_reader(form) for form in _FORMS)]
    furthest = 0
    for reader in readers:
        seconds, broken = _read_all(values, reader)
        if broken is None:
            return np.array(seconds)
        furthest = max(furthest, broken)
    raise DataError(
        f"The time {values[furthest]!r} in row {furthest + 1} of {rows.origin} cannot be read. Write times as "
        "2026-01-31 or 2026-01-31T12:00:00 in every row, or ignore the column with --time none."
    )


def _read_all(values: list[Any], reader: Callable[[Any], float]) -> tuple[list[float], int | None]:
    seconds: list[float] = []
    for position, value in enumerate(values):
        try:
            seconds.append(reader(value))
        except (ValueError, TypeError):
            return seconds, position
    return seconds, None


def _iso(value: Any) -> float:
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return _seconds(value if isinstance(value, datetime) else datetime.fromisoformat(value.strip()))


def _reader(form: str) -> Callable[[Any], float]:
    return lambda value: _seconds(datetime.strptime(value.strip(), form))


def _seconds(moment: datetime) -> float:
    # Times without a zone are only compared with one another, so any zone will do.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
