"""A line of the audit log for every request: who asked what, when, and what came of it; no text, no address.

The line is written before the first byte of the answer: what could not be put down is not answered, unless the log is
optional. Probes and the page of the docs leave none. Requests that no key let in are put down as well, some a second, and
the next line says how many were not.
"""

import asyncio
import hashlib
import logging
import time
from typing import Any

from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from metier.serving.guards.audit_log import AuditLog
from metier.serving.guards.key_check import Caller
from metier.serving.guards.middleware import refused
from metier.serving.guards.scopes import scope_of
from metier.serving.refusals import RefusalError
from metier.serving.request_ids import current_request_id
from metier.serving.traffic import CALLER_GONE

LOG = logging.getLogger("metier.serving")
SUBJECT = "x-subject"
LONGEST_SUBJECT = 200
MOST_REFUSED = 20  # Lines a second of callers without a key: a flood must not fill the disk.


class _Flood:
    """Counts what is put down of callers without a key, second by second."""

    def __init__(self) -> None:
        self._second, self._n, self.n_unlogged = 0, 0, 0

    def is_over(self) -> bool:
        """Count one, and give whether it is too many for this second."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._n = second, 0
        self._n += 1
        self.n_unlogged += self._n > MOST_REFUSED
        return self._n > MOST_REFUSED


class _Watched:
    """One request: its body is digested while it is read, and its line is written before its answer."""

    def __init__(self, audit: "Audit", scope: Scope, receive: Receive, send: Send):
        self._audit, self._scope, self._receive, self._send = audit, scope, receive, send
        self._body = hashlib.sha256()
        self._n_bytes = 0
        self.is_told = False
        self._is_refused = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            body = message.get("body", b"")
            self._body.update(body)
            self._n_bytes += len(body)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            refusal = await self.put_down(message["status"])
            if refusal is not None:
                self._is_refused = True
                await refused(self._scope["path"], refusal)(self._scope, self._receive, self._send)
        if not self._is_refused:
            await self._send(message)

    async def put_down(self, status: int) -> RefusalError | None:
        """Write the line; gives the refusal where that fails and must not."""
        self.is_told = True
        try:
            facts = self._audit.facts(self._scope, status, self._body.digest() if self._n_bytes else None)
            if facts is not None:
                await self._audit.write(facts)
        except RefusalError as refusal:
            return None if self._audit.is_optional else refusal
        return None


class Audit:
    """Put every request down.

    Parameters
    ----------
    app : ASGI application
    log : AuditLog
    is_optional : bool
        Whether requests are answered when the log cannot be written.
    """

    def __init__(self, app: ASGIApp, log: AuditLog, *, is_optional: bool = False):
        self.app, self.log, self.is_optional = app, log, is_optional
        self._flood = _Flood()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or scope_of(scope["path"]) is None:
            await self.app(scope, receive, send)
            return
        watched = _Watched(self, scope, receive, send)
        try:
            await self.app(scope, watched.receive, watched.send)
        finally:
            if not watched.is_told:  # The caller hung up, or our fault: whoever stands outside answers.
                await watched.put_down(CALLER_GONE)

    def facts(self, scope: Scope, status: int, body: bytes | None) -> dict[str, Any] | None:
        """Give what a line says, with the digest of the body; None: there were too many of its kind."""
        state = scope.get("state", {})
        caller = state.get("caller")
        if caller is None and self._flood.is_over():
            return None
        facts: dict[str, Any] = {"id": current_request_id(), "method": scope["method"][:20]}
        facts |= {"path": _path(scope), "status": status}
        if isinstance(caller, Caller):
            facts |= {"caller": caller.name} | ({"key": caller.prefix} if caller.prefix else {})
        if state.get("rows") is not None:
            facts["rows"] = state["rows"]
        facts |= self._digests(state.get("subject") or Headers(scope=scope).get(SUBJECT), body)
        if self._flood.n_unlogged:
            facts["unlogged"], self._flood.n_unlogged = self._flood.n_unlogged, 0
        return facts

    def _digests(self, subject: str | None, body: bytes | None) -> dict[str, str]:
        name, key = self.log.subject(subject[:LONGEST_SUBJECT]) if subject else (None, None)
        found = {"subject": name, "digest": None if body is None else self.log.digest(body, key)}
        return {what: value for what, value in found.items() if value is not None}

    async def write(self, facts: dict[str, Any]) -> None:
        """Write a line; raises RefusalError where that fails."""
        if self.log.sync == "request":
            await asyncio.to_thread(self.log.write, "request", **facts)
        else:
            self.log.write("request", **facts)


def _path(scope: Scope) -> str:
    # A path that is none of ours can hold whatever a caller likes.
    route = scope.get("route")
    return route.path if isinstance(route, Route) else "other"
