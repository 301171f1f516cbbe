"""How much a compressed file may grow while it is unpacked.

A few kilobytes of gzip or zip can unpack to terabytes of zeros. Text shrinks to a tenth and seldom below a hundredth, so
what grows beyond that is no text. It is stopped as soon as it would also take a large part of the memory: a small file of
equal rows is read however well it was packed.
"""

import gzip
import io
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import psutil

from metier.errors import UnreadableFileError

MOST_GROWTH = 100  # Times its packed size.
MEMORY_FRACTION = 0.25  # Of the memory that is free.
READ_BYTES = 1 << 16


def most_unpacked(packed_bytes: int) -> int:
    """Give the bytes to which so many packed ones may grow."""
    return max(MOST_GROWTH * packed_bytes, int(MEMORY_FRACTION * psutil.virtual_memory().available))


def open_gzip(path: Path) -> io.BufferedReader:
    """Open the unpacked bytes of a gzip file; reading raises UnreadableFileError where they become too many."""
    return io.BufferedReader(_Limited(path), READ_BYTES)


def check_archive(content: IO[bytes], *, packed_bytes: int, origin: str) -> None:
    """Refuse a zip archive, such as a workbook, whose files would become too many bytes.

    Raises
    ------
    UnreadableFileError
        If they would.
    zipfile.BadZipFile
        If it is no archive.
    """
    with zipfile.ZipFile(content) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > most_unpacked(packed_bytes):
        raise too_large(origin, packed_bytes)


def check_zlib(content: bytes, *, origin: str) -> None:
    """Refuse a zlib stream that would become too many bytes; one that is broken is left to its reader."""
    most, found, left = most_unpacked(len(content)), 0, content
    stream = zlib.decompressobj()
    try:
        while left and not stream.eof:
            found += len(stream.decompress(left, READ_BYTES))
            left = stream.unconsumed_tail
            if found > most:
                raise too_large(origin, len(content))
    except zlib.error:
        return


def too_large(origin: str, packed_bytes: int) -> UnreadableFileError:
    """Give the error that such a file is refused with."""
    return UnreadableFileError(
        f"{origin} has {packed_bytes:,} bytes, unpacks to more than {MOST_GROWTH} times as many, and those take more "
        "memory than is safe. No rows are packed like that: get the file again from its source, or unpack it yourself."
    )


class _Limited(io.RawIOBase):
    """The unpacked bytes of a gzip file, counted."""

    def __init__(self, path: Path):
        self._path, self._file = path, gzip.GzipFile(path, "rb")
        self._packed_bytes = path.stat().st_size
        self._most, self._found = most_unpacked(self._packed_bytes), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with memoryview(buffer).cast("B") as view:
            found = self._file.read1(len(view))
            view[: len(found)] = found
        self._found += len(found)
        if self._found > self._most:
            raise too_large(str(self._path), self._packed_bytes)
        return len(found)

    def close(self) -> None:
        self._file.close()
        super().close()
