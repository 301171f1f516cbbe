"""The bodies of requests, read within limits that hold for all connections together.

A caller can open many connections and send half a body on each. So a body has a deadline, and where all bodies together
become too many bytes, the one that has been silent the longest makes room: whoever sends on is served.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.requests import Request

from metier.errors import quoted
from metier.serving.refusals import RETRY_AFTER, RefusalError, stopping
from metier.serving.settings import ServingSettings

CLOSE = {"Connection": "close"}  # Else the server would go on reading whatever still comes.
# A caller who sends too much still gets the reason, if it stops within this many times the limit.
PATIENCE = 8
STOP_GRACE_SECONDS = 1  # What a half-sent body still gets once the service is asked to stop.


@dataclass(eq=False)
class _Reading:
    """A body that is being read: what it holds, when it was last heard of, and why it ends before its end."""

    deadline: asyncio.Timeout
    heard: float
    content: bytearray = field(default_factory=bytearray)
    n_held: int = 0
    refusal: RefusalError | None = None

    def take(self) -> bytes:
        """Give the content and keep none of it: it is parsed, and answering may take long."""
        content, self.content = bytes(self.content), bytearray()
        return content

    def end(self, refusal: RefusalError, *, when: float) -> None:
        self.refusal = refusal
        self.deadline.reschedule(when)


class Bodies:
    """The bodies that a service reads, and holds until they are answered.

    Parameters
    ----------
    settings : ServingSettings
        The limits.
    """

    def __init__(self, settings: ServingSettings):
        self._settings = settings
        self._held = 0
        self._reading: set[_Reading] = set()

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytes]:
        """Read the body of a request and count it until the end of the context.

        Raises
        ------
        RefusalError
            If it is too large (413), compressed (415), does not come in time (408), or finds no room (503).
        ClientDisconnect
            If the caller hangs up before its end.
        """
        limit = self._settings.max_body_bytes
        declared = int(request.headers.get("content-length", 0))
        if declared > PATIENCE * limit or (declared > limit and "expect" in request.headers):
            raise _too_large(declared, limit)
        reading = _Reading(asyncio.timeout(self._settings.body_timeout_seconds), time.monotonic())
        try:
            found = await self._receive(request, reading)
            if found > limit:
                raise _too_large(found, limit, goes_on=found > PATIENCE * limit)
            if _is_encoded(encoding := request.headers.get("content-encoding", "")):
                raise _compressed(encoding)
            yield reading.take()
        finally:
            self._release(reading)

    def stop(self) -> None:
        """Give half-sent bodies a last moment to be whole."""
        for reading in self._unfinished():
            reading.end(stopping(), when=_now() + STOP_GRACE_SECONDS)

    async def _receive(self, request: Request, reading: _Reading) -> int:
        """Read into `reading.content` up to the limit, and give how many bytes came."""
        limit, found = self._settings.max_body_bytes, 0
        try:
            async with reading.deadline:
                self._reading.add(reading)
                async for chunk in request.stream():
                    found += len(chunk)
                    if found <= limit:
                        self._hold(reading, chunk)
                    elif found <= PATIENCE * limit:
                        self._release(reading)
                    else:
                        break
        except TimeoutError:
            raise reading.refusal or _too_slow(self._settings.body_timeout_seconds) from None
        finally:
            self._reading.discard(reading)
        return found

    def _hold(self, reading: _Reading, chunk: bytes) -> None:
        while self._held + len(chunk) > self._settings.max_held_bytes:
            others = [other for other in self._unfinished() if other is not reading and other.n_held]
            if not others:
                raise _no_room(self._settings.max_held_bytes)
            quietest = min(others, key=lambda other: other.heard)
            self._release(quietest)
            quietest.end(_no_room(self._settings.max_held_bytes), when=_now())
        self._held += len(chunk)
        reading.n_held += len(chunk)
        reading.heard = time.monotonic()
        reading.content += chunk

    def _release(self, reading: _Reading) -> None:
        self._held -= reading.n_held
        reading.n_held = 0
        reading.content = bytearray()

    def _unfinished(self) -> list[_Reading]:
        return [reading for reading in self._reading if not reading.deadline.expired() and not reading.refusal]


def _now() -> float:
    return asyncio.get_running_loop().time()


def _too_large(found: int, limit: int, *, goes_on: bool = True) -> RefusalError:
    message = f"The body has {found:,} bytes or more; {limit:,} are allowed. Send fewer or smaller inputs in one request."
    return RefusalError(413, "body_too_large", message, headers=CLOSE if goes_on else {})


def _is_encoded(encoding: str) -> bool:
    """Whether a Content-Encoding says that a body is not as it is meant."""
    return encoding.strip().lower() not in ("", "identity")


def _compressed(encoding: str) -> RefusalError:
    message = f"The body has the Content-Encoding {quoted(encoding)}, and none is decoded. Send the body uncompressed."
    return RefusalError(415, "encoded_body", message, headers={"Accept-Encoding": "identity"})


def _too_slow(seconds: int) -> RefusalError:
    message = f"The body did not come within {seconds} s. Send it at once, or fewer texts in one request."
    return RefusalError(408, "body_too_slow", message, headers=CLOSE)


def _no_room(limit: int) -> RefusalError:
    message = f"The requests of all callers together hold {limit:,} bytes already. Ask again in a second."
    return RefusalError(503, "busy", message, headers={**RETRY_AFTER, **CLOSE})
