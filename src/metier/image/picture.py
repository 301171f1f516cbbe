"""A picture that is not decoded yet: a file, or the bytes of one."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class Picture:
    """Where a picture is.

    Parameters
    ----------
    source : Path or bytes
        A file, or what a file of it would hold.
    called : str
        What messages call it: the file, or the field of a request.
    n_pixels : int
        As its header states them; 0 where it was not opened yet.
    """

    source: Path | bytes
    called: str
    n_pixels: int = 0

    @classmethod
    def of_file(cls, path: str | Path) -> "Picture":
        """Give the picture of a file."""
        return cls(Path(path), str(path))

    def read(self) -> bytes:
        """Give the bytes of the file; raises `OSError` where it cannot be read."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()

    def open(self) -> BinaryIO:
        """Open the bytes of the file; raises `OSError` where it cannot be read."""
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")
