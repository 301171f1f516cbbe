"""A place in a file that grows: it is found again after the file was renamed, and not where another took its name.

Told by the hash of the beginning of the file and of what stands right before the place, up to 4096 bytes each; so a file
that was truncated, or rewritten in place, is another file, and a copy of it under another name is the same.
"""

import gzip
import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from metier.monitoring.messages import Position

HASHED_BYTES = 4096


@dataclass(frozen=True)
class FilePlace:
    """A place in a file.

    Parameters
    ----------
    offset : int
        Byte where to go on.
    line : int
        The number of the line that starts there, from 1.
    beginning, before : str
        Hashes of the first bytes of the file and of those before the place.
    inode : int
        Of the file, to say which one it was.
    """

    offset: int = 0
    line: int = 1
    beginning: str = ""
    before: str = ""
    inode: int = 0

    @classmethod
    def at(cls, stream: BinaryIO, *, offset: int, line: int, inode: int) -> "FilePlace":
        """Give a place in an open file."""
        beginning, before = _hashes(stream, offset)
        return cls(offset, line, beginning, before, inode)

    @classmethod
    def of(cls, position: Position | None) -> "FilePlace":
        """Give a place as it was stored; None: the start."""
        return cls() if not position else cls(**position)

    def stored(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return asdict(self)

    def is_in(self, stream: BinaryIO) -> bool:
        """Whether an open file has this place."""
        return _hashes(stream, self.offset) == (self.beginning, self.before)


def open_file(path: Path) -> BinaryIO:
    """Open a file, or what a rotation has packed with gzip."""
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _hashes(stream: BinaryIO, offset: int) -> tuple[str, str]:
    """Give the hashes of a place; of a file that ends before it, others than any place has."""
    size = min(offset, HASHED_BYTES)
    stream.seek(0)
    beginning = stream.read(size)
    stream.seek(offset - size)
    before = stream.read(size)
    if size == 0:
        return "", ""
    if len(beginning) < size or len(before) < size:
        return "short", "short"
    return hashlib.sha256(beginning).hexdigest()[:16], hashlib.sha256(before).hexdigest()[:16]
