"""Which column of a record is what: the same settings for every source, and the message that they give."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, field_validator

from metier.monitoring.messages import Batch, Message, Position, Refused
from metier.monitoring.sources.times import read_time, shown

LONGEST_ID = 200  # Characters; a longer one is known by its SHA-256.
LONGEST_VALUE = 100  # Characters of what messages are counted by.
LONGEST_BYTES = 1_000_000  # Of a message; what is longer is no opinion of a person.
EXCERPT = 200  # Characters.


class Columns(BaseModel, frozen=True, extra="forbid"):
    """Which column of a record is what; `user.id` is `id` in `user`."""

    id: str | None = Field(
        default="id", description="Unique in the source. None, or empty in a record: a hash of the record."
    )
    text: str = Field(default="text", description="What was written.")
    time: str | None = Field(
        default="time", description="When it was written. None: when the source had it, or when it was read."
    )
    subject: str | None = Field(default=None, description="Whom it is about or from, to be erased by.")
    by: dict[str, str] = Field(
        default_factory=dict, description="What messages are counted by: name to column."
    )


class SourceSettings(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """What the settings of every source have; each adds its `kind`."""

    kind: str
    name: str = Field(
        default="", max_length=100, description="Told apart by it, and stored with each message. Empty: kind."
    )
    columns: Columns = Columns()
    constants: dict[str, str] = Field(
        default_factory=dict, description="What all its messages are counted by: `company: Acme`."
    )
    zone: str = Field(default="UTC", description="Of times that name none, such as Asia/Shanghai.")
    time_format: str | None = Field(
        default=None, description="As strptime has it; None: ISO 8601, a count since 1970, or RFC 2822."
    )
    longest_bytes: int = Field(default=LONGEST_BYTES, ge=1000, description="Of a message; longer: refused.")
    batch_messages: int = Field(default=500, ge=1, le=100_000, description="Stored in one transaction.")

    @field_validator("zone")
    @classmethod
    def _is_known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"there is no time zone {zone!r}; expected one as Europe/Berlin or UTC") from None
        return zone

    @property
    def called(self) -> str:
        """The name of the source."""
        return self.name or self.kind


class MessageReader:
    """Gives messages of the records of a source, and refuses what is none.

    A record without an id gets a hash of its content, so that it stays one message when it comes again or stands in a
    file of another name. Where it has no time either, its place is hashed too: two lines that say "ok" are two messages.
    """

    def __init__(self, settings: SourceSettings):
        self.source = settings.called
        self.columns = settings.columns
        self.longest_bytes = settings.longest_bytes
        self._zone = ZoneInfo(settings.zone)
        self._form = settings.time_format
        self._constants = dict(settings.constants)

    def read(
        self,
        record: Mapping[str, Any],
        *,
        place: str,
        written: datetime | None = None,
        id: str | None = None,
        anchor: str | None = None,
    ) -> Message | Refused:
        """Give the message of a record.

        Parameters
        ----------
        record : mapping of str to JSON values
        place : str
            Where it stands, as it is told.
        written : datetime or None
            Its time where the settings name no column; None: now.
        id : str or None
            Its id where the record has none and the source knows one.
        anchor : str or None
            Where it stands, in a form that stays the same when it comes again; None: `place`.
        """
        try:
            return self._message(record, written, id, place if anchor is None else anchor)
        except ValueError as error:
            return self.refuse(place, f"{place}: {error}.", _excerpt_of(record, self.columns.text))

    def refuse(self, place: str, reason: str, excerpt: str = "") -> Refused:
        """Give what is no message, as the store keeps it: once, so the excerpt tells another file of this name."""
        excerpt = clean(excerpt)[:EXCERPT]
        mark = hashlib.sha256(excerpt.encode()).hexdigest()[:8]
        return Refused(self.source, f"{clean(place)[:380]} [{mark}]", clean(reason), excerpt)

    def _message(
        self, record: Mapping[str, Any], written: datetime | None, id: str | None, anchor: str
    ) -> Message:
        columns = self.columns
        text = self._text(record)
        time = None if columns.time is None else _required(record, columns.time)
        at = written or datetime.now(UTC)
        if time is not None:
            at = read_time(time, zone=self._zone, form=self._form)
        found = _find(record, columns.id) if columns.id else None
        known = id if found is None or found == "" else _name(found, columns.id or "")
        by = self._constants | {name: _value(record, column) for name, column in columns.by.items()}
        subject = _find(record, columns.subject) if columns.subject else None
        return Message(
            id=_short(known or _hash(record, "" if time is not None else anchor)),
            text=text,
            at=at,
            source=self.source,
            by={name: value for name, value in by.items() if value},
            subject=None if subject is None or subject == "" else _name(subject, columns.subject or ""),
        )

    def _text(self, record: Mapping[str, Any]) -> str:
        text = _required(record, self.columns.text)
        if not isinstance(text, str):
            raise ValueError(f"the column {self.columns.text!r} is {shown(text)}, expected a text")
        text = _encodable(text, self.columns.text)
        if not text.strip():
            raise ValueError(f"the column {self.columns.text!r} is empty, expected a text")
        size = len(text.encode())
        if size > self.longest_bytes:
            raise ValueError(too_long(size, self.longest_bytes))
        return text


def batch_of(pieces: Sequence[Message | Refused], position: Position) -> Batch:
    """Give a batch of messages and of what is none, mixed."""
    messages = [one for one in pieces if isinstance(one, Message)]
    return Batch(messages, position, [one for one in pieces if isinstance(one, Refused)])


def too_long(size: int, longest: int) -> str:
    """Say that a message is longer than is read."""
    return f"it has {size:,} bytes, and {longest:,} are read at most (longest_bytes)"


def clean(text: str) -> str:
    """Give a text that every database stores: without NUL, and with unpaired surrogates replaced."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _encodable(text: str, column: str) -> str:
    text = text.replace("\0", "")  # PostgreSQL stores none.
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"the column {column!r} holds half a character at {error.start + 1:,}, which no encoding writes"
            ) from None
    return text


def _find(record: Mapping[str, Any], column: str) -> Any:
    """Give a value by its column, or by the way to it; None where there is none."""
    if column in record:
        return record[column]
    found: Any = record
    for part in column.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def _required(record: Mapping[str, Any], column: str) -> Any:
    found = _find(record, column)
    if found is None:
        has = ", ".join(list(map(str, record))[:20]) or "none"
        if column in record:
            raise ValueError(f"the column {column!r} is empty")
        raise ValueError(f"there is no column {column!r}; it has: {clean(has)[:EXCERPT]}")
    return found


def _name(value: Any, column: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"the column {column!r} is {shown(value)}, expected a text or a number")
    return _encodable(str(value), column)


def _value(record: Mapping[str, Any], column: str) -> str:
    found = _find(record, column)
    text = "" if found is None else _name(found, column).strip()
    if len(text) > LONGEST_VALUE:
        raise ValueError(
            f"the column {column!r} has {len(text):,} characters; what is counted by has {LONGEST_VALUE} at most"
        )
    return text


def _short(id: str) -> str:
    return id if len(id) <= LONGEST_ID else f"sha256:{hashlib.sha256(id.encode()).hexdigest()}"


def _hash(record: Mapping[str, Any], anchor: str) -> str:
    content = json.dumps([anchor, record], sort_keys=True, default=str)
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


def _excerpt_of(record: Mapping[str, Any], column: str) -> str:
    found = _find(record, column)
    return found if isinstance(found, str) else json.dumps(record, ensure_ascii=False, default=str)
