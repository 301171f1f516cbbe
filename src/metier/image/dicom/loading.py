"""Reading of DICOM files by pydicom, which is loaded with the first of them: other pictures need none of it.

A deflated file can state gigabytes in a few bytes, so it is inflated as far as the limit before pydicom does it.
pydicom warns of every value that departs from the standard, and most files have some: they are read all the same.
"""

import importlib
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from metier.errors import ImageError, ImageTooLargeError, MetierError, MissingExtraError
from metier.image.limits import MOST_BYTES

if TYPE_CHECKING:
    from pydicom import FileDataset

DEFLATED = b"1.2.840.10008.1.2.1.99"  # The transfer syntax of files that are deflated.
META_START = 132  # After the preamble and the mark.
GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"  # Of the attributes about the file itself, which come first.
MOST_META = 4_096
INFLATED_AT_ONCE = 1 << 20
_filters = threading.RLock()  # The filters of warnings are those of the whole process.


def pydicom(module: str = "pydicom") -> Any:
    """Give a module of pydicom; raises `MissingExtraError` where it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise MissingExtraError("Reading DICOM files", extra="medical") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom's remarks on values that depart from the standard to itself."""
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_dataset(
    stream: BinaryIO, called: str, *, header_only: bool = False, most_bytes: int = MOST_BYTES
) -> "FileDataset":
    """Read the attributes of a DICOM file.

    Parameters
    ----------
    header_only : bool, default=False
        Stop before the pixels.
    most_bytes : int
        Of a deflated file, when it is inflated.

    Raises
    ------
    ImageError
        If it ends too early or is damaged.
    ImageTooLargeError
        If it is deflated and has too many bytes.
    """
    library = pydicom()
    with quiet(), damage_named(called):
        _check_inflated(stream, called, most_bytes)
        stream.seek(0)
        dataset: FileDataset = library.dcmread(stream, stop_before_pixels=header_only)
    return dataset


@contextmanager
def damage_named(called: str) -> Iterator[None]:
    """Turn what pydicom raises for a damaged file into an `ImageError`."""
    try:
        yield
    except MetierError:
        raise
    except Exception as error:
        # pydicom has no error of its own for damage: it raises whatever its parsing meets.
        raise ImageError(
            called, f"it is cut short or damaged ({_first_line(error)})", "Get the file from its source again."
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _check_inflated(stream: BinaryIO, called: str, most_bytes: int) -> None:
    """Inflate a deflated file as far as the limit; other files pass."""
    stream.seek(META_START)
    is_counted = stream.read(len(GROUP_LENGTH)) == GROUP_LENGTH
    n_meta = int.from_bytes(stream.read(4), "little") if is_counted else MOST_META
    meta = stream.read(min(n_meta, MOST_META))
    if DEFLATED not in meta:
        return
    if not is_counted:  # Where what is deflated begins is then not known without reading it all.
        raise ImageError(called, "it is deflated, and its header is not whole", "Save it again uncompressed.")
    inflater, n_bytes = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while not inflater.eof and (waiting := inflater.unconsumed_tail or stream.read(INFLATED_AT_ONCE)):
        n_bytes += len(inflater.decompress(waiting, INFLATED_AT_ONCE))
        if n_bytes > most_bytes:
            found = f"more than {most_bytes:,} bytes when it is inflated"
            raise ImageTooLargeError(called, found, f"{most_bytes:,} bytes")
