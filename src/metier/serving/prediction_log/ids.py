"""Ids of predictions: UUIDs of version 7 (RFC 9562), which sort by the time at which they were made.

After 48 bits of milliseconds and the version come 12 bits of a fraction of a millisecond and 62 random ones, so that
workers and restarts need not know of one another.
"""

import os
import re
import time
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICKS_PER_MS = 4096
RANDOM_BYTES = 8
VERSION, VARIANT = 7 << 76, 0b10 << 62
_is_id = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}").fullmatch


def new_prediction_ids(n: int) -> list[str]:
    """Give ids of so many predictions, which sort in this order."""
    tick = time.time_ns() * TICKS_PER_MS // 1_000_000
    chance = os.urandom(RANDOM_BYTES * n)
    return [
        _written(tick + i, int.from_bytes(chance[RANDOM_BYTES * i : RANDOM_BYTES * (i + 1)])) for i in range(n)
    ]


def is_prediction_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return _is_id(text) is not None


def time_of(prediction_id: str) -> datetime:
    """Give when an id was made, in UTC, to the millisecond."""
    return EPOCH + timedelta(milliseconds=int(prediction_id.replace("-", "")[:12], 16))


def first_id_of(time: datetime) -> str:
    """Give the least id that can have been made at a time or later."""
    return _written((time - EPOCH) // timedelta(milliseconds=1) * TICKS_PER_MS, 0)


def _written(tick: int, chance: int) -> str:
    milliseconds, fraction = divmod(tick, TICKS_PER_MS)
    value = milliseconds << 80 | VERSION | fraction << 64 | VARIANT | chance & (1 << 62) - 1
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
