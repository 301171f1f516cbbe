"""A stream of Redis, read as one consumer of a group; entries are acknowledged once they are stored."""

import importlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from metier.errors import MissingExtraError, SourceError
from metier.monitoring.messages import Batch, Message, Position, Refused
from metier.monitoring.sources.columns import MessageReader, SourceSettings, batch_of
from metier.monitoring.sources.payloads import json_record, text_record

MOST_AT_ONCE = 100  # Entries of one answer; they stand in memory whatever their size.
Entries = Sequence[tuple[bytes, Mapping[bytes, bytes] | None]]


class RedisSettings(SourceSettings, frozen=True):
    """A stream of Redis."""

    kind: Literal["redis"] = "redis"
    url: str = Field(
        default="redis://127.0.0.1:6379/0", pattern=r"^(rediss?|unix)://", description="Of the server."
    )
    stream: str = Field(min_length=1, description="Key of the stream.")
    group: str = Field(default="metier", min_length=1, description="Consumers of a group share its entries.")
    consumer: str = Field(
        default="", description="Name in the group, the same after a restart. Empty: name of the machine."
    )
    json_field: str | None = Field(
        default=None, description="Field that holds an object as JSON. None: the fields are the columns."
    )
    claim_seconds: float = Field(
        default=60,
        gt=0,
        description="After which entries that another consumer did not acknowledge are taken over.",
    )
    timeout_seconds: float = Field(default=10, gt=0, le=86_400, description="Of one answer.")


def build_source(settings: RedisSettings) -> "RedisStream":
    """Give the source of these settings; raises `MissingExtraError` without redis."""
    try:
        redis = importlib.import_module("redis")
    except ModuleNotFoundError:
        raise MissingExtraError("Reading Redis", extra="redis") from None
    return RedisStream(settings, redis)


class RedisStream:
    """Reads what was handed to this consumer and not acknowledged, what a dead one left, then what is new.

    The position is the last entry; where to go on is kept by the group.
    """

    def __init__(self, settings: RedisSettings, redis: Any):
        self.name = settings.called
        self._settings, self._redis = settings, redis
        self._reader = MessageReader(settings)
        self._consumer = settings.consumer or socket.gethostname()
        # Version 2 of the protocol: answers have one form whatever the server speaks.
        self._client = redis.Redis.from_url(
            settings.url,
            protocol=2,
            socket_timeout=settings.timeout_seconds,
            socket_connect_timeout=settings.timeout_seconds,
        )
        self._given: dict[str, list[bytes]] = {}

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give the entries that are not acknowledged; the position is not needed."""
        self._given.clear()
        with self._errors():
            self._make_group()
        last = b"0"
        while entries := self._own(last):
            last = entries[-1][0]
            yield self._batch(entries)
        start = b"0-0"
        while True:
            start, entries = self._taken_over(start)
            if entries:
                yield self._batch(entries)
            if start == b"0-0":
                break
        while entries := self._own(b">"):
            yield self._batch(entries)

    def acknowledge(self, position: Position) -> None:
        """Acknowledge the entries of a batch; what Redis does not hear of comes again, and is known then."""
        ids = self._given.pop(position["last"], [])
        if ids:
            with self._errors():
                self._client.xack(self._settings.stream, self._settings.group, *ids)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _make_group(self) -> None:
        try:
            self._client.xgroup_create(self._settings.stream, self._settings.group, id="0", mkstream=True)
        except self._redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _own(self, after: bytes) -> Entries:
        with self._errors():
            found = self._client.xreadgroup(
                self._settings.group, self._consumer, {self._settings.stream: after}, count=self._count
            )
        return found[0][1] if found else []

    def _taken_over(self, start: bytes) -> tuple[bytes, Entries]:
        with self._errors():
            found = self._client.xautoclaim(
                self._settings.stream,
                self._settings.group,
                self._consumer,
                min_idle_time=int(self._settings.claim_seconds * 1000),
                start_id=start,
                count=self._count,
            )
        return found[0], found[1]

    @property
    def _count(self) -> int:
        return min(self._settings.batch_messages, MOST_AT_ONCE)

    def _batch(self, entries: Entries) -> Batch:
        last = entries[-1][0].decode()
        self._given[last] = [id for id, _ in entries]
        return batch_of([self._piece(id.decode(), fields) for id, fields in entries], {"last": last})

    def _piece(self, id: str, fields: Mapping[bytes, bytes] | None) -> Message | Refused:
        place = f"{self._settings.stream}, entry {id}"
        if not fields:
            return self._reader.refuse(place, f"{place}: it was deleted or trimmed before it was read.")
        field, longest = self._settings.json_field, self._settings.longest_bytes
        try:
            if field is None:
                record = text_record(fields, longest_bytes=longest)
            else:
                record = json_record(fields.get(field.encode()), longest_bytes=longest)
        except ValueError as error:
            excerpt = next(iter(fields.values()))[:1000].decode("utf-8", "replace")
            return self._reader.refuse(place, f"{place}: {error}.", excerpt)
        written = datetime.fromtimestamp(int(id.partition("-")[0]) / 1000, UTC)
        return self._reader.read(record, place=place, written=written, id=id)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (self._redis.RedisError, OSError) as error:
            where = self._settings.url.rpartition("@")[2]
            raise SourceError(
                f"The stream {self._settings.stream} of Redis at {where} cannot be read ({error}). It is tried again."
            ) from None
