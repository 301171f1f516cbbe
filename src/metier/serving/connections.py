"""One connection, as uvicorn speaks HTTP on it, with limits on how long and how many may wait for their callers.

Whoever opens a connection and sends nothing, or half a request, costs the service a file descriptor and memory. So
each wait for a caller has a deadline, and where there are too many connections, the one that has kept the service
waiting the longest makes room.
"""

import asyncio
import json
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from metier.serving.refusals import RefusalError, facts_of
from metier.serving.settings import ServingSettings

# A body that is too slow gets a typed answer first, see `serving.bodies`; this ends what goes on nevertheless.
LINGER_SECONDS = 5
LONGEST_HEADERS = 16 * 1024  # Bytes; the parser itself has no limit.
BETWEEN_VALUES = 4  # Bytes between the names and values of headers.


class _AtOnce:
    """Sends the head of an answer of known length together with its body: a packet costs as much as reading a request."""

    def __init__(self, transport: asyncio.Transport):
        self._transport = transport
        self._head = b""
        self._is_begun = False

    def write(self, data: bytes) -> None:
        """Send what there is, or hold the head back."""
        if not self._is_begun and data.endswith(b"\r\n\r\n") and b"\r\ncontent-length: " in data:
            self._head, self._is_begun = data, True
            return
        self._is_begun = True
        self._transport.write(self._head + data)
        self._head = b""

    def close(self) -> None:
        """Send what is held back, and close."""
        if self._head:
            self.write(b"")
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is being closed."""
        return self._transport.is_closing()


class Connection(HttpToolsProtocol):  # type: ignore[misc]  # uvicorn is not looked into.
    """A connection of a caller.

    Parameters
    ----------
    settings : ServingSettings
        The limits.
    """

    def __init__(self, *args: Any, settings: ServingSettings, **named: Any):
        super().__init__(*args, **named)
        self._settings = settings
        self._deadlines = {
            "headers": settings.header_timeout_seconds,
            "body": settings.body_timeout_seconds + LINGER_SECONDS,
        }
        self._watched: tuple[str, int] = ("", 0)
        self._waiting: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._reads = ""  # What of a request is being read: `headers`, `body`, or nothing.
        self._n_header_bytes = 0
        self.since = self.loop.time()

    @property
    def phase(self) -> str:
        """What the connection is at: `headers`, `body`, `busy`, or `idle` between two requests."""
        if self._reads == "body":
            return "body"
        if self.cycle is not None and not self.cycle.response_complete:
            return "busy"
        return "headers" if self.cycle is None or self._reads else "idle"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request, and make room if there are too many connections."""
        super().connection_made(transport)
        self._watch()
        self._make_room()

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        super().data_received(data)
        if self._reads == "headers":
            self._n_header_bytes += len(data)
            if self._n_header_bytes > LONGEST_HEADERS:
                self.send_400_response("The headers are too long.")
        self._watch()

    def on_message_begin(self) -> None:
        """Begin to read the headers of a request."""
        super().on_message_begin()
        self._reads, self._n_header_bytes = "headers", 0

    def on_headers_complete(self) -> None:
        """Begin to answer; raises ValueError, which the parser reports, where the headers are too long."""
        if (
            len(self.url) + sum(len(name) + len(value) + BETWEEN_VALUES for name, value in self.headers)
            > LONGEST_HEADERS
        ):
            raise ValueError("The headers are too long.")
        self._reads = "body"
        super().on_headers_complete()
        if self.scope["method"] == "POST":
            self.cycle.transport = _AtOnce(self.transport)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._reads = ""
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection and its deadlines."""
        for timer in (self._waiting, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give the caller some time to read its answer."""
        super().pause_writing()
        self._unread = self.loop.call_later(self._settings.send_timeout_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the caller reads."""
        if self._unread is not None:
            self._unread.cancel()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(400, "bad_http", f"{msg} Send a request of HTTP/1.1 with headers of at most 16 KB.")

    def _make_room(self) -> None:
        # What is aborted stays in the set until the loop has told it so.
        others = [other for other in self.connections if other is not self and not other.transport.is_closing()]
        if len(others) < self._settings.max_connections:
            return
        waiting = [other for other in others if other.phase != "busy"]
        if waiting:
            min(waiting, key=lambda other: other.since).transport.abort()
        else:
            n_open = self._settings.max_connections
            self._refuse(503, "busy", f"{n_open:,} connections are open already. Ask later.")

    def _watch(self) -> None:
        """Begin a new deadline where the connection has come to another phase, or to another request."""
        watched = (self.phase, id(self.cycle))
        if watched == self._watched or self.transport.is_closing():
            return
        self._watched, self.since = watched, self.loop.time()
        if self._waiting is not None:
            self._waiting.cancel()
        seconds = self._deadlines.get(self.phase)
        self._waiting = None if seconds is None else self.loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        if self.phase == "headers" and self._reads:
            seconds = self._settings.header_timeout_seconds
            message = f"The headers did not come within {seconds} s. Send the request at once."
            self._refuse(408, "headers_too_slow", message)
        else:
            self.transport.abort()

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer without a request, unless an answer was begun, and close."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = json.dumps({"error": facts_of(RefusalError(status, code, message))}).encode()
            lines = (
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
                "Connection: close",
            )
            self.transport.write("\r\n".join((*lines, "", "")).encode() + body)
        self.transport.close()
