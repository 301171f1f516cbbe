"""A file that grows: JSON lines, CSV or lines of text; also when it is rotated, truncated, replaced or half-written."""

import codecs
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import Field, field_validator

from metier.errors import SourceError
from metier.monitoring.given_paths import GivenPath
from metier.monitoring.messages import Batch, Message, Position, Refused
from metier.monitoring.sources.columns import MessageReader, SourceSettings, batch_of
from metier.monitoring.sources.file_places import FilePlace, open_file
from metier.monitoring.sources.records import FORMATS, WIDE, Format, Layout, Record, read_records

BATCH_BYTES = 16_000_000


class LinesSettings(SourceSettings, frozen=True):
    """How files of lines are read."""

    format: Format | None = Field(default=None, description="None: by the end of the file's name.")
    encoding: str = Field(
        default="utf-8", description="One in which a line end is the byte 10, such as gb18030."
    )
    delimiter: str | None = Field(
        default=None, min_length=1, max_length=1, description="Of CSV. None: found in the header."
    )
    settle_seconds: float = Field(
        default=10,
        ge=0,
        description="A last line without a line end counts when the file is left alone for these.",
    )

    @field_validator("encoding")
    @classmethod
    def _ends_lines(cls, encoding: str) -> str:
        try:
            is_single = "a\n".encode(encoding) == b"a\n"
        except (LookupError, UnicodeError):
            raise ValueError(f"there is no encoding {encoding!r}; expected one as utf-8 or gb18030") from None
        if not is_single:
            raise ValueError(f"{encoding} writes a line end with several bytes; convert the file to utf-8")
        return codecs.lookup(encoding).name

    def layout_of(self, path: Path) -> Layout:
        """Give how a file is read."""
        form = self.format or FORMATS.get(path.suffix.lower())
        if form is None:
            known = ", ".join(FORMATS)
            raise SourceError(f"{path}: the name does not say the format; expected {known}. Set: format")
        return Layout(form, self.encoding, self.delimiter, self.longest_bytes)


class FileSettings(LinesSettings, frozen=True):
    """A growing file."""

    kind: Literal["file"] = "file"
    path: GivenPath = Field(
        description="The file; what a rotation calls PATH.1, PATH-20260501 or the like is found."
    )


def build_source(settings: FileSettings) -> "GrowingFile":
    """Give the source of these settings."""
    return GrowingFile(settings)


class GrowingFile:
    """Reads what is added to a file.

    Where another file has taken its name, the rest of the old one is read first, if it lies beside the new one. If it
    does not, that is told as a refused piece, and the new one is read from its beginning; so it is where the file was
    truncated. Messages that come again have the same id.
    """

    def __init__(self, settings: FileSettings):
        self.name = settings.called
        self._settings = settings
        self._reader = MessageReader(settings)
        self._layout = settings.layout_of(settings.path)

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give what was added after a position."""
        place = FilePlace.of(position)
        try:
            files, gone = self._files(place)
            if gone is not None:
                yield gone
            for number, (path, start) in enumerate(files):
                is_last = number == len(files) - 1
                lines = FileLines(path, self._layout, called=self._settings.path, is_final=not is_last)
                yield from lines.read(start, self._settings, self._reader)
        except OSError as error:
            raise SourceError(
                f"{self._settings.path} cannot be read ({error.strerror or error}). Check that it is there; "
                "it is tried again."
            ) from None

    def _files(self, place: FilePlace) -> tuple[list[tuple[Path, FilePlace]], Batch | None]:
        """Give the files to read in their order, with where to start in each."""
        path = self._settings.path
        if path.exists() and _has(path, place):
            return [(path, place)], None
        older = _rotated(path) if place.inode else []
        held = next((number for number, one in enumerate(older) if _has(one, place)), None)
        if held is None:
            now = FilePlace(inode=path.stat().st_ino)
            return [(path, now)], self._gone(place, now)
        files = [(older[held], place), *((one, FilePlace()) for one in older[held + 1 :])]
        if path.exists() and path.stat().st_size > 0:
            files.append((path, FilePlace()))
        return files, None

    def _gone(self, place: FilePlace, now: FilePlace) -> Batch:
        path = self._settings.path
        what = "was truncated or rewritten" if now.inode == place.inode else "was replaced by another file"
        reason = (
            f"{path} {what} after byte {place.offset:,}, and what was before lies not beside it: what had been added "
            "since, if anything, was not read. It is read from its beginning. Let the rotation keep the old file "
            "beside the new one until it was read."
        )
        where = f"{path}, after byte {place.offset} of the file {place.beginning}-{place.before}"
        return Batch((), now.stored(), (self._reader.refuse(where, reason),))

    def acknowledge(self, position: Position) -> None:
        """Nothing is kept of it here: the position is all."""

    def close(self) -> None:
        """No file is held open."""


@dataclass(frozen=True)
class FileLines:
    """The lines of one file.

    Parameters
    ----------
    path : Path
    layout : Layout
    called : Path
        What it is called where its messages are told; the same after a rotation.
    is_final : bool
        Nothing more will be written to it.
    """

    path: Path
    layout: Layout
    called: Path
    is_final: bool = False

    def read(self, place: FilePlace, settings: LinesSettings, reader: MessageReader) -> Iterator[Batch]:
        """Give the messages after a place, in batches whose position is a place."""
        with open_file(self.path) as stream:
            _check_narrow(stream, self.path)
            status = self.path.stat()
            is_final = self.is_final or time.time() - status.st_mtime >= settings.settle_seconds
            written = datetime.fromtimestamp(status.st_mtime, UTC)
            held: list[Message | Refused] = []
            start, last = place.offset, None
            for last in read_records(
                stream, self.layout, offset=place.offset, line=place.line, is_final=is_final
            ):
                held.append(self._message(last, reader, written))
                if len(held) >= settings.batch_messages or last.end - start >= BATCH_BYTES:
                    yield self._batch(held, last)
                    held, start = [], last.end
            if held and last is not None:
                yield self._batch(held, last)

    def _message(self, record: Record, reader: MessageReader, written: datetime) -> Message | Refused:
        place = f"{self.called}, line {record.line}"
        if record.values is None:
            return reader.refuse(place, f"{place}: {record.fault}.", record.excerpt)
        anchor = f"{self.called.name} {record.start}"
        return reader.read(record.values, place=place, written=written, anchor=anchor)

    def _batch(self, held: list[Message | Refused], last: Record) -> Batch:
        with open_file(self.path) as stream:
            inode = self.path.stat().st_ino
            place = FilePlace.at(stream, offset=last.end, line=last.next_line, inode=inode)
        return batch_of(held, place.stored())


def _check_narrow(stream: BinaryIO, path: Path) -> None:
    stream.seek(0)
    if stream.read(2) in WIDE:
        raise SourceError(
            f"{path} is written in UTF-16, which has no single byte for a line end. Convert it: "
            f"iconv -f utf-16 -t utf-8 {path.name}"
        )


def _has(path: Path, place: FilePlace) -> bool:
    try:
        if place.offset == 0:
            return place.inode in (0, path.stat().st_ino)
        with open_file(path) as stream:
            return place.is_in(stream)
    except (OSError, EOFError):
        return False


def _rotated(path: Path) -> list[Path]:
    """Give the files that a rotation has made of one, the oldest first."""
    found = [
        one
        for one in path.parent.glob(f"{_literal(path.name)}[.-]*")
        if one.is_file() and one.suffix not in {".partial", ".tmp", ".xz", ".bz2", ".zst"}
    ]
    return sorted(found, key=lambda one: (one.stat().st_mtime_ns, one.name))


def _literal(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)
