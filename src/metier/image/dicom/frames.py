"""One frame of a DICOM file as it is stored, decompressed where a decoder for it is installed."""

import importlib.util
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from metier.errors import ImageError, ImageTooLargeError
from metier.image.dicom.encoded_size import run_length_bytes, stated_size
from metier.image.dicom.loading import damage_named, pydicom
from metier.image.limits import MOST_BYTES, MOST_PIXELS

if TYPE_CHECKING:
    from pydicom import FileDataset

RLE = "1.2.840.10008.1.2.5"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"  # Of 8 bits Pillow decodes it, of 12 it does not.
EIGHT_BITS = 8
RLE_HEADER = 64  # Bytes: how many segments there are, and where each begins.
LIBJPEG = "pylibjpeg-libjpeg (GPL-3.0)"
# What decodes a compression that pydicom, Pillow and pylibjpeg-openjpeg do not.
DECODERS = {
    JPEG_EXTENDED: LIBJPEG,
    "1.2.840.10008.1.2.4.57": LIBJPEG,
    "1.2.840.10008.1.2.4.70": LIBJPEG,
    "1.2.840.10008.1.2.4.80": "pyjpegls (MIT)",
    "1.2.840.10008.1.2.4.81": "pyjpegls (MIT)",
}
WITH_EXTRA = "metier[medical]"


def middle_frame(dataset: "FileDataset") -> int:
    """Give which frame stands for the file, from 0: of a volume or a film the middle shows more than the ends."""
    return max(int(dataset.get("NumberOfFrames") or 1), 1) // 2


def stored_frame(dataset: "FileDataset", index: int, called: str) -> np.ndarray:
    """Decode one frame.

    Returns
    -------
    ndarray of shape (height, width) or (height, width, 3)
        Stored values of greys or of a palette; colours are red, green and blue.

    Raises
    ------
    ImageError
        If no decoder for its compression is installed, or it is cut short.
    ImageTooLargeError
        If the compressed frame states more pixels than are allowed, or other ones than the file does.
    """
    compression = dataset.file_meta.get("TransferSyntaxUID")
    if compression is None:
        raise ImageError(
            called, "its header does not say how it is encoded", "Export it again from where it was stored."
        )
    _check_decoder(compression, called, bits=int(dataset.get("BitsStored") or EIGHT_BITS))
    if compression.is_encapsulated:
        _check_frame(dataset, index, called)
    with damage_named(called):
        # Views of their own, so that neither a value nor a mark of the file is changed.
        frame: np.ndarray = pydicom("pydicom.pixels").pixel_array(dataset, index=index)
    return frame


def can_decode(compression: Any, *, bits: int) -> bool:
    """Whether a decoder for a compression of so many bits is installed; raises NotImplementedError where none is known."""
    if compression == JPEG_EXTENDED and bits > EIGHT_BITS:
        return importlib.util.find_spec("libjpeg") is not None
    return bool(pydicom("pydicom.pixels").get_decoder(compression).is_available)


def _check_decoder(compression: Any, called: str, *, bits: int) -> None:
    name = compression.name
    try:
        is_known = can_decode(compression, bits=bits)
    except NotImplementedError:
        raise ImageError(
            called,
            f"its pixels are stored as {name}, which is not read here",
            "Save it uncompressed, or as JPEG 2000.",
        ) from None
    if not is_known:
        package = DECODERS.get(str(compression), WITH_EXTRA)
        raise ImageError(
            called,
            f"its pixels are compressed as {name}, and no decoder for that is installed",
            f"Install one with pip: {package}; or save the file uncompressed.",
        )


def _check_frame(dataset: "FileDataset", index: int, called: str) -> None:
    """Compare the size of a compressed frame with that of the file, before memory is taken for it."""
    count = max(int(dataset.get("NumberOfFrames") or 1), 1)
    with damage_named(called):
        frame = pydicom("pydicom.encaps").get_frame(dataset.PixelData, index, number_of_frames=count)
        width, height = int(dataset.Columns), int(dataset.Rows)
        if str(dataset.file_meta.TransferSyntaxUID) == RLE:
            _check_runs(frame, dataset, called)
            return
    stated = stated_size(frame)
    if stated is not None and stated[0] * stated[1] > MOST_PIXELS:
        raise ImageTooLargeError(
            called, f"a frame of {stated[0]:,} x {stated[1]:,} pixels", f"{MOST_PIXELS:,} pixels"
        )
    if stated is not None and stated != (width, height):
        raise ImageError(
            called,
            f"its header states {width} x {height} pixels and its frame {stated[0]} x {stated[1]}",
            "Export it again from where it was stored.",
        )


def _check_runs(frame: bytes, dataset: "FileDataset", called: str) -> None:
    count, *starts = struct.unpack("<16L", frame[:RLE_HEADER])
    n_bytes, allowed = 0, int(dataset.Rows) * int(dataset.Columns) * max(count, 1) + 2 * RLE_HEADER
    ends = [*starts[1:count], len(frame)]
    for start, end in zip(starts[:count], ends, strict=False):
        n_bytes += run_length_bytes(frame[start:end], allowed)
    if n_bytes > min(allowed, 4 * MOST_BYTES):
        raise ImageTooLargeError(called, "more bytes in a frame than its header states", f"{allowed:,} bytes")
