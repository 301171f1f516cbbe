"""Times as sources write them: ISO 8601, seconds or milliseconds since 1970, RFC 2822, or a form that is told."""

import re
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any

# A count since 1970 tells its unit by its size: in seconds, 1e11 is the year 5138; in milliseconds, 1973.
LEAST_IN_MS, LEAST_IN_MICROSECONDS, LEAST_IN_NANOSECONDS = 1e11, 1e14, 1e17
FIRST_YEAR, LAST_YEAR = 1970, 2200
_COUNT = re.compile(r"\d{9,20}(\.\d+)?|\d+\.\d+")  # Eight digits are a day: 20260501.
_SLASHES = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(.*)", re.DOTALL)


def read_time(value: Any, *, zone: tzinfo, form: str | None = None) -> datetime:
    """Give a time in UTC.

    Parameters
    ----------
    value : str, int, float or datetime
        As the source has it.
    zone : tzinfo
        Of times that name none.
    form : str or None
        As `strptime` reads it; None: whatever of ISO 8601, a count since 1970 and RFC 2822 it is.

    Raises
    ------
    ValueError
        With a clause that says what was found and what is expected.
    """
    try:
        moment = _read(value, form)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        expected = "ISO 8601, seconds since 1970 or RFC 2822" if form is None else form
        raise ValueError(f"the time is {shown(value)}, expected {expected}") from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"the time is {shown(value)}, expected one of the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment


def shown(value: Any) -> str:
    """Give the first characters of a value, to be quoted in a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _read(value: Any, form: str | None) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    if form is not None:
        return datetime.strptime(str(value).strip(), form)
    if isinstance(value, int | float):
        return _counted(float(value))
    text = value.strip()
    if _COUNT.fullmatch(text):
        return _counted(float(text))
    if slashes := _SLASHES.fullmatch(text):
        year, month, day, rest = slashes.groups()
        text = f"{year}-{month:0>2}-{day:0>2}{rest}"
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parsedate_to_datetime(text)


def _counted(number: float) -> datetime:
    for least, per_second in (
        (LEAST_IN_NANOSECONDS, 1e9),
        (LEAST_IN_MICROSECONDS, 1e6),
        (LEAST_IN_MS, 1e3),
    ):
        if number >= least:
            return datetime.fromtimestamp(number / per_second, UTC)
    return datetime.fromtimestamp(number, UTC)
