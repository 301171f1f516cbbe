"""How much a key may ask a minute, counted over all workers: token buckets in one small file that they map into memory.

Each key has a slot with a bucket of requests and one of rows [1]_. A bucket holds what may be asked in a minute at most and
fills evenly. A slot is locked while it is changed (`fcntl`), which takes microseconds; a worker that is killed meanwhile
leaves a bucket that is at worst a little too full.

References
----------
.. [1] Turner, "New directions in communications (or which way to the information age?)", 1986: the leaky bucket.
"""

import fcntl
import hashlib
import math
import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from metier.errors import CallError
from metier.serving.guards.key_check import Caller
from metier.serving.refusals import RefusalError

SLOTS = 4_096
SLOT = struct.Struct(
    "<16s3d24x"
)  # Whose it is, when it was filled last (seconds), requests and rows that may be asked.
SECONDS = 60.0


@dataclass(frozen=True)
class Left:
    """What a key may still ask.

    Parameters
    ----------
    limit : int
        A minute.
    left : int
        At once.
    full_after : int
        Seconds until the whole limit may be asked at once.
    """

    limit: int
    left: int
    full_after: int

    def headers(self, what: str) -> list[tuple[bytes, bytes]]:
        """Give the headers that say so, as the draft `httpapi-ratelimit-headers` of the IETF has them."""
        policy = f'"{what}";q={self.limit};w={SECONDS:.0f}'
        return [
            (b"ratelimit-policy", policy.encode()),
            (b"ratelimit", f'"{what}";r={self.left};t={self.full_after}'.encode()),
        ]


class Rates:
    """The buckets of all keys in a file that several processes share.

    Parameters
    ----------
    path : Path
        Made where it is missing; whatever it counts may be lost with it.

    Raises
    ------
    CallError
        If the file cannot be made.
    """

    def __init__(self, path: Path):
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            if os.fstat(self._file).st_size != SLOTS * SLOT.size:
                os.ftruncate(self._file, SLOTS * SLOT.size)
            self._map = mmap.mmap(self._file, SLOTS * SLOT.size)
        except OSError as error:
            raise CallError(
                f"The counts of the rates cannot be kept in {path} ({error.strerror or error}). "
                "Keep the file of keys in a folder that the service may write to, or give keys without rates."
            ) from None
        self._places: dict[str, int] = {}

    def close(self) -> None:
        """Close the file."""
        self._map.close()
        os.close(self._file)

    def take(self, caller: Caller, *, requests: int = 0, rows: int = 0) -> Left | None:
        """Take requests or rows from the buckets of a key; gives what is left of the requests, None without a limit.

        Raises
        ------
        RefusalError
            429 `rate_limited`, after which nothing was taken; 413 `too_many_rows` of what never fits.
        """
        limits = (caller.requests_per_minute, caller.rows_per_minute)
        wanted = (requests, rows)
        if all(not want or limit is None for want, limit in zip(wanted, limits, strict=True)):
            return None
        _check_ever(caller.rows_per_minute, rows)
        with self._slot(caller.name) as place:
            left = self._filled(place, caller.name, limits)
            late = max(_wait(have, want, limit) for have, want, limit in zip(left, wanted, limits, strict=True))
            if late <= 0:
                left = [have - want for have, want in zip(left, wanted, strict=True)]
            SLOT.pack_into(self._map, place * SLOT.size, _id(caller.name), time.monotonic(), *left)
        if late > 0:
            raise _limited(caller, late)
        return _left(caller.requests_per_minute, left[0])

    def _filled(self, place: int, name: str, limits: tuple[int | None, ...]) -> list[float]:
        """Give what the buckets of a slot hold now; those of a new key, or after a restart, are full."""
        whose, since, *left = SLOT.unpack_from(self._map, place * SLOT.size)
        seconds = time.monotonic() - since
        if whose != _id(name) or seconds < 0:
            return [float(limit or 0) for limit in limits]
        return [
            min(float(limit or 0), have + seconds * (limit or 0) / SECONDS)
            for have, limit in zip(left, limits, strict=True)
        ]

    @contextmanager
    def _slot(self, name: str) -> Iterator[int]:
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = self._find(name)
        with self._locked(place):
            yield place

    def _find(self, name: str) -> int:
        """Give the slot of a key, or take a free one for it; where all are taken, two keys share one by turns."""
        first = int.from_bytes(_id(name)[:8], "little") % SLOTS
        with self._locked(SLOTS):
            for step in range(SLOTS):
                place = (first + step) % SLOTS
                whose = bytes(self._map[place * SLOT.size : place * SLOT.size + 16])
                if whose == _id(name):
                    return place
                if not any(whose):
                    SLOT.pack_into(self._map, place * SLOT.size, _id(name), -math.inf, 0.0, 0.0)
                    return place
        return first

    @contextmanager
    def _locked(self, place: int) -> Iterator[None]:
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, place)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)


def _id(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]


def _wait(have: float, want: int, limit: int | None) -> float:
    """Give the seconds until a bucket holds what is wanted; 0 or less: it does."""
    return (want - have) * SECONDS / limit if limit and want else 0.0


def _left(limit: int | None, have: float) -> Left | None:
    if limit is None:
        return None
    return Left(limit, max(0, math.floor(have)), math.ceil((limit - have) * SECONDS / limit))


def _check_ever(limit: int | None, rows: int) -> None:
    if limit is not None and rows > limit:
        message = (
            f"{rows:,} rows in one request; the key may ask {limit:,} a minute. Send them in several requests."
        )
        raise RefusalError(413, "too_many_rows", message)


def _limited(caller: Caller, seconds: float) -> RefusalError:
    after = max(1, math.ceil(seconds))
    limits = {"requests": caller.requests_per_minute, "rows": caller.rows_per_minute}
    known = " and ".join(f"{limit:,} {what}" for what, limit in limits.items() if limit is not None)
    message = f"The key may ask {known} a minute, and has done so. Ask again in {after:,} s."
    return RefusalError(429, "rate_limited", message, headers={"Retry-After": str(after)})
