"""A topic of Kafka, read as one consumer of a group; offsets are committed once messages are stored."""

import asyncio
import importlib
import logging
import os
import ssl
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from metier.errors import MissingExtraError, SourceError
from metier.monitoring.messages import Batch, Message, Position, Refused
from metier.monitoring.sources.columns import MessageReader, SourceSettings, batch_of
from metier.monitoring.sources.payloads import json_record

FETCH_MS = 500  # How long one question waits for messages.
REASONABLE_SECONDS = 30.0  # Of whatever is asked of the broker.


class KafkaSettings(SourceSettings, frozen=True):
    """A topic of Kafka, whose messages are JSON objects."""

    kind: Literal["kafka"] = "kafka"
    servers: str = Field(default="127.0.0.1:9092", description="HOST:PORT, several with commas.")
    topic: str = Field(min_length=1)
    group: str = Field(default="metier", min_length=1, description="Consumers of a group share its partitions.")
    join_seconds: float = Field(
        default=60, gt=0, le=86_400, description="How long the group gets to hand out partitions."
    )
    security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    username: str | None = None
    password_variable: str | None = Field(default=None, description="Environment variable with the password.")


def build_source(settings: KafkaSettings) -> "Kafka":
    """Give the source of these settings; raises `MissingExtraError` without aiokafka."""
    try:
        aiokafka = importlib.import_module("aiokafka")
    except ModuleNotFoundError:
        raise MissingExtraError("Reading Kafka", extra="kafka") from None
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # What fails is said once, in our sentence.
    return Kafka(settings, aiokafka)


class Kafka:
    """Reads the partitions that the group gives to this consumer, whose event loop has a thread of its own.

    The position holds the next offset of each partition; where to go on is kept by the group. After a rebalance
    messages come again that were stored and not committed; they are known by their id.
    """

    def __init__(self, settings: KafkaSettings, aiokafka: Any):
        self.name = settings.called
        self._settings, self._aiokafka = settings, aiokafka
        self._reader = MessageReader(settings)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._consumer: Any = None
        self._is_unsaved = False  # Whether messages were given that are not acknowledged.

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give the messages after the committed offsets; the position is not needed."""
        with self._errors():
            if self._consumer is None:
                self._start()
            elif self._is_unsaved:
                self._do(self._consumer.seek_to_committed())
        self._is_unsaved = False
        while True:
            with self._errors():
                found = self._do(self._fetched())
            if not found:
                return
            self._is_unsaved = True
            pieces = [self._piece(one) for ones in found.values() for one in ones]
            yield batch_of(pieces, {_key(part): ones[-1].offset + 1 for part, ones in found.items()})

    def acknowledge(self, position: Position) -> None:
        """Commit offsets; a partition that was given to another consumer meanwhile is read again there."""
        if self._consumer is None:
            return
        part = self._aiokafka.TopicPartition
        names = {key: key.rpartition("/") for key in position}
        offsets = {part(name, int(number)): position[key] for key, (name, _, number) in names.items()}
        with self._errors():
            own = self._consumer.assignment()
            offsets = {one: offset for one, offset in offsets.items() if one in own}
            try:
                if offsets:
                    self._do(self._consumer.commit(offsets))
            except (self._errors_of.CommitFailedError, self._errors_of.IllegalStateError):
                return  # They were given to another consumer.
        self._is_unsaved = False

    def close(self) -> None:
        """Leave the group, and end the thread."""
        consumer, loop, thread = self._consumer, self._loop, self._thread
        self._consumer = self._loop = self._thread = None
        if loop is None or thread is None:
            return
        try:
            if consumer is not None:
                asyncio.run_coroutine_threadsafe(consumer.stop(), loop).result(REASONABLE_SECONDS)
        except (self._errors_of.KafkaError, OSError, FutureTimeoutError):
            pass  # The group notices by itself.
        loop.call_soon_threadsafe(loop.stop)
        thread.join(REASONABLE_SECONDS)
        loop.close()

    @property
    def _errors_of(self) -> Any:
        return importlib.import_module("aiokafka.errors")

    def _start(self) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name=f"kafka {self.name}", daemon=True
            )
            self._thread.start()
        self._consumer = self._do(self._joined(), seconds=2 * self._settings.join_seconds)

    async def _joined(self) -> Any:
        """Give a consumer that has its partitions, or stands by where others have them all."""
        settings = self._settings
        secret = os.environ.get(settings.password_variable or "")
        consumer = self._aiokafka.AIOKafkaConsumer(
            settings.topic,
            bootstrap_servers=settings.servers,
            group_id=settings.group,
            client_id="metier",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=settings.batch_messages,
            security_protocol=settings.security,
            ssl_context=ssl.create_default_context() if settings.security.endswith("SSL") else None,
            sasl_mechanism=settings.mechanism,
            sasl_plain_username=settings.username,
            sasl_plain_password=secret,
        )
        try:
            await asyncio.wait_for(consumer.start(), settings.join_seconds)
            deadline = asyncio.get_running_loop().time() + settings.join_seconds
            while not consumer.assignment() and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(0.1)
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    async def _fetched(self) -> dict[Any, list[Any]]:
        """Give messages by partition; none only where there are none."""
        while True:
            found: dict[Any, list[Any]] = await self._consumer.getmany(
                timeout_ms=FETCH_MS, max_records=self._settings.batch_messages
            )
            if found or not await self._lags():
                return found

    async def _lags(self) -> bool:
        """Whether some of our partitions hold messages that were not fetched."""
        parts = list(self._consumer.assignment())
        if not parts:
            return False
        ends = await self._consumer.end_offsets(parts)
        for part in parts:
            if await self._consumer.position(part) < ends[part]:
                return True
        return False

    def _piece(self, one: Any) -> Message | Refused:
        place = f"{one.topic}, partition {one.partition}, offset {one.offset}"
        try:
            record = json_record(one.value, longest_bytes=self._settings.longest_bytes)
        except ValueError as error:
            return self._reader.refuse(
                place, f"{place}: {error}.", (one.value or b"")[:1000].decode("utf-8", "replace")
            )
        written = datetime.fromtimestamp(max(one.timestamp, 0) / 1000, UTC)
        return self._reader.read(
            record, place=place, written=written, id=f"{one.topic}-{one.partition}-{one.offset}"
        )

    def _do(self, asked: Coroutine[Any, Any, Any], *, seconds: float = REASONABLE_SECONDS) -> Any:
        assert self._loop is not None
        future = asyncio.run_coroutine_threadsafe(asked, self._loop)
        try:
            return future.result(seconds)
        except FutureTimeoutError:
            future.cancel()
            raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (self._errors_of.KafkaError, OSError, FutureTimeoutError, ssl.SSLError) as error:
            raise SourceError(
                f"The topic {self._settings.topic} at {self._settings.servers} cannot be read "
                f"({str(error) or type(error).__name__}). It is tried again."
            ) from None


def _key(part: Any) -> str:
    return f"{part.topic}/{part.partition}"
