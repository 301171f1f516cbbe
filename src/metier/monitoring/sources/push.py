"""Messages that programs send over HTTP to the process of the watch: one, a list, or CloudEvents."""

import asyncio
import functools
import json
import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import uvicorn
from pydantic import Field
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from metier.errors import SourceError
from metier.monitoring.given_paths import GivenPath
from metier.monitoring.messages import Batch, Message, Position, Refused
from metier.monitoring.sources.columns import MessageReader, SourceSettings, batch_of
from metier.monitoring.sources.push_spool import PushSpool
from metier.serving.bodies import Bodies
from metier.serving.connections import Connection
from metier.serving.guards.key_check import KeyCheck, missing_scope
from metier.serving.refusals import RETRY_AFTER, RefusalError, as_response
from metier.serving.settings import ServingSettings

LOG = logging.getLogger("metier.monitoring")
START_SECONDS = 10.0
ADDRESS = "/v1/messages"
SCOPE = "push"


class PushSettings(SourceSettings, frozen=True):
    """An address that messages are sent to: POST /v1/messages."""

    kind: Literal["push"] = "push"
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8100, ge=0, le=65_535, description="0: any that is free.")
    keys: GivenPath | None = Field(
        default=None,
        description="File of `metier keys`; a key with the scope push may send. None: whoever can reach it.",
    )
    spool: GivenPath = Field(
        default=Path("pushed.sqlite"),
        validate_default=True,
        description="File of what is accepted and not stored yet.",
    )
    most_waiting: int = Field(
        default=100_000, ge=1, description="Messages that wait to be stored; more are told to come again (503)."
    )
    max_body_bytes: int = Field(default=8_000_000, ge=1000, description="Most bytes of a request's body.")
    most_messages: int = Field(default=5_000, ge=1, description="In one request.")


def build_source(settings: PushSettings) -> "Push":
    """Give the source of these settings; it listens from its first reading on."""
    return Push(settings)


class Push:
    """Listens in a thread of its own, keeps what was accepted in a file, and gives it to the watch.

    The position is the number of the last record, in the file of this id.
    """

    def __init__(self, settings: PushSettings):
        self.name = settings.called
        self._settings = settings
        self._reader = MessageReader(settings)
        self._spool: PushSpool | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        if self._server is None:
            raise SourceError(f"The source {self.name} does not listen yet.")
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give what was accepted after a position."""
        spool = self._ready_spool()
        self._listen(spool)
        last = position["number"] if position and position["spool"] == spool.id else 0
        while found := spool.after(last, self._settings.batch_messages):
            last = found[-1][0]
            pieces = [self._message(number, record) for number, record in found]
            yield batch_of(pieces, {"spool": spool.id, "number": last})

    def _message(self, number: int, record: Mapping[str, Any]) -> Message | Refused:
        values, event = opened_event(record)
        place = f"{self.name}, message {number}"
        return self._reader.read(values, place=place, id=event)

    def acknowledge(self, position: Position) -> None:
        """Remove what is stored from the file."""
        if self._spool is not None and position["spool"] == self._spool.id:
            self._spool.remove(position["number"])

    def close(self) -> None:
        """Listen no more; requests in flight are answered."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(START_SECONDS)
        if self._spool is not None:
            self._spool.close()
        self._server = self._thread = self._spool = None

    def _ready_spool(self) -> PushSpool:
        if self._spool is None:
            self._spool = PushSpool(self._settings.spool)
        return self._spool

    def _listen(self, spool: PushSpool) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        endpoint = _Endpoint(self._settings, spool, self._reader)
        app = Starlette(routes=[Route(ADDRESS, endpoint.answer, methods=["POST"])])
        config = uvicorn.Config(
            app,
            host=self._settings.host,
            port=self._settings.port,
            http=functools.partial(Connection, settings=endpoint.limits),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=_served, args=(self._server,), name=f"push {self.name}", daemon=True
        )
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(START_SECONDS / 0.02)):
            if self._server.started or not self._thread.is_alive():
                break
            waited.wait(0.02)
        if not self._server.started:
            where = f"{self._settings.host}:{self._settings.port}"
            raise SourceError(
                f"The source {self.name} cannot listen on {where}. See that no other program does; it is tried again."
            )


def _served(server: uvicorn.Server) -> None:
    try:
        server.run()
    except SystemExit:  # What uvicorn does where the port is taken; told by who waits for it.
        return


class _Endpoint:
    """Answers POST /v1/messages."""

    def __init__(self, settings: PushSettings, spool: PushSpool, reader: MessageReader):
        self._settings, self._spool, self._reader = settings, spool, reader
        self.limits = ServingSettings(max_body_bytes=settings.max_body_bytes)
        self._bodies = Bodies(self.limits)
        self._keys = None if settings.keys is None else KeyCheck(settings.keys)

    async def answer(self, request: Request) -> Response:
        """Accept messages: 202 once they are on the disk."""
        try:
            await self._check_key(request)
            if len(self._spool) >= self._settings.most_waiting:
                raise _full()
            async with self._bodies.read(request) as body:
                records = self._records(body)
            await asyncio.to_thread(self._spool.add, records)
        except RefusalError as refusal:
            return as_response(refusal, request.url.path)
        except ClientDisconnect:
            return Response(status_code=400)
        except sqlite3.Error as error:
            LOG.error("messages that were pushed cannot be kept: %s", error)
            return as_response(_full())
        return JSONResponse({"accepted": len(records)}, status_code=202)

    async def _check_key(self, request: Request) -> None:
        if self._keys is None:
            return
        caller = await self._keys.caller(dict(request.scope["headers"]))
        if SCOPE not in caller.scopes:
            raise missing_scope(SCOPE)

    def _records(self, body: bytes) -> list[Mapping[str, Any]]:
        """Give the records of a body; all of them can be read as messages."""
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            raise RefusalError(
                400, "bad_json", "The body is not JSON in UTF-8. Send an object, or a list of them."
            ) from None
        records = found if isinstance(found, list) else [found]
        if len(records) > self._settings.most_messages:
            allowed = f"{self._settings.most_messages:,}"
            message = f"The body has {len(records):,} messages; {allowed} are allowed. Send fewer at once."
            raise RefusalError(413, "too_many_messages", message)
        for number, record in enumerate(records):
            if not isinstance(record, dict):
                message = f"Message {number} is no object. Send objects of columns and values."
                raise RefusalError(422, "bad_message", message, field=str(number))
            values, event = opened_event(record)
            read = self._reader.read(values, place=f"Message {number}", id=event)
            if isinstance(read, Refused):
                raise RefusalError(
                    422, "bad_message", f"{read.reason} Nothing of this request was kept.", field=str(number)
                )
        return records


def opened_event(record: Mapping[str, Any]) -> tuple[Mapping[str, Any], str | None]:
    """Give the data of a CloudEvent with its time, and its id with its source; of another record, itself and None."""
    if not isinstance(record.get("specversion"), str) or "source" not in record:
        return record, None
    data = record.get("data")
    event = f"{record['source']} {record['id']}" if "id" in record else None
    envelope = {name: value for name, value in record.items() if name in ("time", "source", "type", "subject")}
    return {**envelope, **(data if isinstance(data, dict) else {"text": data})}, event


def _full() -> RefusalError:
    message = "As many messages wait to be stored as are kept. Send these again later."
    return RefusalError(503, "full", message, headers={**RETRY_AFTER, "Retry-After": "10"})
