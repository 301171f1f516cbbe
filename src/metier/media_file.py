"""A picture, a recording or a video that is not decoded yet: a file, or the bytes of one; and what is said of files."""

import base64
import binascii
import errno
import hashlib
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

from metier.errors import MediaError, MissingExtraError, UnsafeFileError, shortened
from metier.regular_files import kind_of, open_regular

DATA_URI = "data:"
_scheme = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,3}[^/]").match
_drive = re.compile(r"[A-Za-z]:[\\/]|\\\\").match
AGAIN = "Get the file from its source again."
CORRECT = "Correct the path, or put the file there."
# What readers raise where a file ends too early or is damaged, besides errors of their own.
DAMAGE = (OSError, ValueError, EOFError, MemoryError)
NAMES_NOTHING = {
    errno.ENAMETOOLONG: "its name is longer than that of any file",
    errno.ELOOP: "it is a link that leads to itself",
}


@dataclass(frozen=True)
class MediaFile:
    """Where a picture, a recording or a video is.

    Parameters
    ----------
    source : Path or bytes
        A file, or what a file of it would hold.
    called : str
        What messages call it: the file, or the field of a request.
    """

    source: Path | bytes
    called: str

    @classmethod
    def of_file(cls, path: str | Path) -> Self:
        """Give what a path leads to."""
        return cls(Path(path), str(path))

    def open(self) -> BinaryIO:
        """Open the bytes of the file; raises `OSError` where it cannot be read, `UnsafeFileError` where it is no file."""
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else open_regular(self.source)

    def read(self) -> bytes:
        """Give the bytes of the file; raises as `open` does."""
        with self.open() as file:
            return file.read()

    def digest(self) -> str:
        """SHA-256 of the bytes of the file; raises as `open` does."""
        with self.open() as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


class NameFault(NamedTuple):
    """Why a name leads to no file here.

    Parameters
    ----------
    found, cure : str
        What it is, in a clause, and what to do.
    kind : str
        A clause that completes "3 rows have images …".
    """

    found: str
    cure: str
    kind: str


def no_name_of_a_file(name: str) -> NameFault | None:
    """Say that a name is an address or holds the file itself; None where it is a path."""
    if name.startswith(DATA_URI):
        cure = "Save it as a file, and give its path."
        return NameFault("it is a file itself, as a data URI that is not whole", cure, "that are data URIs")
    scheme = _scheme(name.lstrip())
    if scheme is None:
        return None
    if scheme[1].lower() == "file":
        return NameFault("it is an address", "Give the path alone, without file://.", "that are addresses")
    cure = "Download the file, and give its path."
    return NameFault("it is an address, and nothing is fetched", cure, "that are addresses")


def written_for_windows(name: str) -> NameFault | None:
    """Say that a path is one of Windows; None where it is not, or where this is Windows."""
    if os.name == "nt" or not (_drive(name) or "\\" in name):
        return None
    kind = "that are paths of Windows"
    if _drive(name):
        cure = "Copy the files beside the rows, and give their paths from there, such as images/a.png."
        return NameFault("it is a path on a Windows computer", cure, kind)
    turned = shortened(name.replace("\\", "/"))
    return NameFault(f"there is no such file, and no {turned} either", CORRECT, kind)


@contextmanager
def read_faults(
    error: type[MediaError], file: MediaFile, damage: tuple[type[Exception], ...]
) -> Iterator[None]:
    """Turn what goes wrong with opening and reading a file into an error that says it and what to do.

    Parameters
    ----------
    error : type of MediaError
        Of what the file should hold.
    damage : tuple of Exception types
        What its reader raises where the file ends too early or is damaged.
    """
    called = file.called
    try:
        yield
    except (MediaError, MissingExtraError):
        raise
    except FileNotFoundError:
        known = no_name_of_a_file(called) or written_for_windows(called)
        fault, cure = (known.found, known.cure) if known else ("there is no such file", CORRECT)
        raise error(called, fault, cure) from None
    except UnsafeFileError:
        assert isinstance(file.source, Path)  # Bytes are opened without looking.
        raise error(called, f"it is {kind_of(file.source)}", f"Give the path of one {error.noun}.") from None
    except PermissionError:
        raise error(called, "this user may not read it", "Change its permissions (chmod +r).") from None
    except damage as found:
        if isinstance(found, OSError) and found.errno in NAMES_NOTHING:
            raise error(called, NAMES_NOTHING[found.errno], CORRECT) from None
        fault = f"it is cut short or damaged ({getattr(found, 'strerror', None) or found})"
        raise error(called, fault, AGAIN) from None


def bytes_of_base64(text: Any) -> bytes | None:
    """Give the bytes of base64, with or without what a data URI has before it; None: it is not base64."""
    if not isinstance(text, str):
        return None
    if text.startswith(DATA_URI):
        text = text.partition(",")[2]
    try:
        # Lines of 76 letters are what programs write by default.
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
