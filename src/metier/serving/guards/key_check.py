"""Who asks: the key of a request, checked by one scrypt at most, and by none once it was found right.

Whoever can reach the port can send wrong keys, and each scrypt costs 16 MB and some 40 ms. So an unknown prefix costs
none; a key that was checked is remembered by its HMAC under a secret of this process; all scrypts run in one thread, one
at a time for each prefix, and after a wrong key its prefix has to wait. A caller whose key is remembered notices nothing
of a flood.
"""

import asyncio
import hmac
import logging
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from metier.errors import KeyFileError
from metier.serving.answer_threads import AnswerThreads
from metier.serving.guards.key_file import KEY, KeyRecord, read_keys
from metier.serving.refusals import RETRY_AFTER, RefusalError

LOG = logging.getLogger("metier.serving")
REMEMBERED = 4_096  # Right keys, and as many wrong ones.
REMEMBERED_SECONDS = 300.0  # From the last use.
WRONG_SECONDS = 0.25  # What a prefix waits after a wrong key: four scrypts a second at most.
LONGEST = 200  # Characters of a key that is looked at.
CHALLENGE = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Parameters
    ----------
    name : str
        Of the key.
    scopes : tuple of str
    prefix : str
        Of the key.
    requests_per_minute, rows_per_minute : int or None
    """

    name: str
    scopes: tuple[str, ...]
    prefix: str = ""
    requests_per_minute: int | None = None
    rows_per_minute: int | None = None


class _Memory:
    """A bounded table of digests, each forgotten some time after its last use."""

    def __init__(self, size: int, seconds: float):
        self._size, self._seconds = size, seconds
        self._kept: OrderedDict[bytes, tuple[float, str]] = OrderedDict()

    def get(self, digest: bytes) -> str | None:
        """Give what is kept, and keep it longer."""
        found = self._kept.get(digest)
        if found is None:
            return None
        now = time.monotonic()
        if now > found[0]:
            del self._kept[digest]
            return None
        self._kept[digest] = (now + self._seconds, found[1])
        self._kept.move_to_end(digest)
        return found[1]

    def put(self, digest: bytes, value: str) -> None:
        self._kept[digest] = (time.monotonic() + self._seconds, value)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)


class KeyCheck:
    """The keys of a file, which is read again whenever it has changed.

    Parameters
    ----------
    path : Path
        As `create_key` wrote it.

    Raises
    ------
    KeyFileError
        If it cannot be read at the start.
    """

    def __init__(self, path: Path):
        self._path, self._secret = path, secrets.token_bytes(32)
        self._right = _Memory(REMEMBERED, REMEMBERED_SECONDS)
        self._wrong = _Memory(REMEMBERED, REMEMBERED_SECONDS)
        self._checking: dict[str, tuple[bytes, asyncio.Future[bool]]] = {}
        self._waits: dict[str, float] = {}
        self._thread = AnswerThreads(1)
        self._keys = {one.prefix: one for one in read_keys(path)}
        self._stamp = _stamp(path)
        self._is_readable = True
        self.n_hashed = 0

    def stop(self) -> None:
        """Let the thread end."""
        self._thread.stop()

    async def caller(self, headers: Mapping[bytes, bytes]) -> Caller:
        """Give who asks, by the headers of a request.

        Raises
        ------
        RefusalError
            401 `missing_key`, `unknown_key` or `expired_key`; 429 `rate_limited` where too many wrong keys come; 503
            `no_keys` where the file of keys cannot be read any more.
        """
        key = sent_key(headers)
        if key is None:
            raise missing_key()
        self._read_again()
        found = KEY.fullmatch(key)
        record = self._keys.get(found[1]) if found else None
        if record is None or record.revoked:
            raise unknown_key()
        if not await self._is_right(key, record):
            raise unknown_key()
        if record.is_over(datetime.now(UTC)):
            raise expired_key()
        return Caller(
            record.name, record.scopes, record.prefix, record.requests_per_minute, record.rows_per_minute
        )

    async def _is_right(self, key: str, record: KeyRecord) -> bool:
        digest = hmac.digest(self._secret, key.encode(), "sha256")
        if self._right.get(digest) == record.hash:  # Of the same record, not of one that was put in its place.
            return True
        if self._wrong.get(digest) == record.hash:
            return False
        checking = self._checking.get(record.prefix)
        if checking is not None and hmac.compare_digest(checking[0], digest):
            return await asyncio.shield(checking[1])
        if checking is not None or time.monotonic() < self._waits.get(record.prefix, 0):
            raise too_many_wrong()
        return await self._check(key, digest, record)

    async def _check(self, key: str, digest: bytes, record: KeyRecord) -> bool:
        self.n_hashed += 1
        future = asyncio.wrap_future(self._thread.submit(lambda: record.fits(key)))
        self._checking[record.prefix] = (digest, future)
        future.add_done_callback(lambda done: self._note(done, digest, record))
        return await asyncio.shield(
            future
        )  # A caller who hangs up takes the answer of the next one with it otherwise.

    def _note(self, done: "asyncio.Future[bool]", digest: bytes, record: KeyRecord) -> None:
        self._checking.pop(record.prefix, None)
        if done.cancelled() or done.exception() is not None:
            return
        (self._right if done.result() else self._wrong).put(digest, record.hash)
        if not done.result():
            self._waits[record.prefix] = time.monotonic() + WRONG_SECONDS

    def _read_again(self) -> None:
        """Read the file where it is another one than before; one that cannot be read lets nobody in."""
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            self._stamp, self._is_readable = stamp, self._read()
        if not self._is_readable:
            message = "The service cannot read its keys any more. Ask whoever runs it; its log says why."
            raise RefusalError(503, "no_keys", message, headers=RETRY_AFTER)

    def _read(self) -> bool:
        try:
            self._keys = {one.prefix: one for one in read_keys(self._path)}
        except KeyFileError as error:
            LOG.error("%s", error)  # The sentence is all there is to know.
            return False
        self._waits = {prefix: until for prefix, until in self._waits.items() if prefix in self._keys}
        return True


def sent_key(headers: Mapping[bytes, bytes]) -> str | None:
    """Give the key of a request: `Authorization: Bearer KEY` or `X-API-Key: KEY`; None: there is none."""
    authorization = headers.get(b"authorization", b"")
    scheme, _, value = authorization.partition(b" ")
    key = value if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
    return key.strip().decode("latin-1")[:LONGEST] or None


def missing_key() -> RefusalError:
    """Give the refusal of a request without a key."""
    message = "This service asks for a key, and none was sent. Send it as: Authorization: Bearer KEY"
    return RefusalError(401, "missing_key", message, headers=CHALLENGE)


def unknown_key() -> RefusalError:
    """Give the refusal of a key that is not, or no longer, one of ours."""
    message = "The key is not known here. Check that it was copied whole, or ask whoever runs the service for a new one."
    return RefusalError(401, "unknown_key", message, headers=CHALLENGE)


def expired_key() -> RefusalError:
    """Give the refusal of a key after its time."""
    message = "The key has expired. Ask whoever runs the service for a new one."
    return RefusalError(401, "expired_key", message, headers=CHALLENGE)


def missing_scope(scope: str) -> RefusalError:
    """Give the refusal of a key that may not do what was asked."""
    message = f"The key may not do this: it lacks the scope {scope}. Ask with another key, or have its scopes changed."
    return RefusalError(403, "missing_scope", message)


def too_many_wrong() -> RefusalError:
    """Give the refusal of a key that cannot be checked now."""
    message = "Too many wrong keys have come. Ask again in a second."
    return RefusalError(429, "rate_limited", message, headers=RETRY_AFTER)


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = os.stat(path)  # noqa: PTH116  # Half the time of Path.stat, and each request pays for it.
    except OSError:
        return ()
    return found.st_ctime_ns, found.st_mtime_ns, found.st_ino, found.st_size
