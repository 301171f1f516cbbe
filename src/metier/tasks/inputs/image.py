"""Input: one image, as the path of a file or as its bytes.

A path is one that whoever runs the program names, in a file of rows or in a terminal. A request over HTTP holds the
image itself, in base64: what a caller sends is never taken for a path.
"""

import base64
import binascii
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from metier.arguments import check_is_list
from metier.errors import EmptyDataError, ImageError, ImageTooLargeError, WrongTypeError
from metier.image.decoding import opened
from metier.image.picture import Picture
from metier.tasks.inputs.kind import InputKind, parts_fault, shape_fault

if TYPE_CHECKING:  # What answers needs neither scikit-learn nor the rows' Arrow.
    from metier.data.rows import Rows

KEY = "image"
DATA_URL = "data:"


@dataclass(frozen=True)
class Image(InputKind):
    """One image; an item is `{"image": path or bytes}`, read it is a `Picture`."""

    name: ClassVar[str] = "image"
    keys: ClassVar[tuple[str, ...]] = (KEY,)
    noun: ClassVar[str] = "an image"
    roles: ClassVar[tuple[str, ...]] = (KEY,)
    parts: ClassVar[tuple[str, ...]] = (KEY,)
    has_texts: ClassVar[bool] = False

    @property
    def example(self) -> dict[str, str]:
        """A question with the path of a file."""
        return {KEY: "photo.jpg"}

    @property
    def trial(self) -> dict[str, bytes]:
        """An image of one grey pixel, which needs no file."""
        return {KEY: GREY_PIXEL}

    def read(self, X: Any, *, origin: str = "these images") -> list[Picture]:
        """Give the images of whatever `fit` or `predict` was handed: paths, bytes, or mappings with one of them."""
        check_is_list(X, "image")
        pictures = [_picture(item, position) for position, item in enumerate(X)]
        if not pictures:
            raise EmptyDataError("Expected at least one image, found none. Give the paths of images.")
        return pictures

    def texts(self, items: Sequence[Any]) -> list[str]:
        """Give nothing: what is written in an image is not read."""
        return []

    def shown(self, item: Any) -> list[str]:
        """Give what the image is called."""
        return [_picture(item, 0).called]

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question, in a sentence; None: nothing is."""
        if isinstance(item, Picture):
            return None
        fault = parts_fault(item, self.keys)
        if fault is None and not isinstance(item[KEY], str | bytes):
            fault = shape_fault(KEY, item[KEY], "an image")
        return fault

    def typed(self, text: str) -> dict[str, str]:
        """Give what was typed as a question: the path of an image."""
        return {KEY: text}

    def received(self, item: Any, *, field: str, most_bytes: int) -> Picture:
        """Give the image of a request, which its base64 holds; its pixels are counted and not decoded yet.

        Raises
        ------
        ImageError, ImageTooLargeError
            If it is not base64, is no image by its content, or has too many bytes or pixels.
        """
        called, text = f"in field {field!r}", item[KEY]
        if isinstance(text, str) and text.startswith(DATA_URL):
            text = text.partition(",")[2]
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise ImageError(called, "it is not base64", "Send the bytes of the file in base64.") from None
        if len(data) > most_bytes:
            raise ImageTooLargeError(called, f"{len(data):,} bytes", most_bytes, unit="bytes")
        picture = Picture(data, called)
        with opened(picture) as image:
            return replace(picture, n_pixels=image.width * image.height)

    def row_faults(self, rows: "Rows") -> dict[int, str]:
        """Give why rows cannot be asked, in a clause, by their positions: no image, or one that cannot be used."""
        return rows.image_faults

    def from_rows(self, rows: "Rows") -> list[dict[str, str]]:
        """Give the image of each row, by its path."""
        rows.values(KEY)  # Raises where a row has none.
        return [{KEY: path} for path in rows.image_files]


IMAGE = Image()


def _picture(item: Any, position: int) -> Picture:
    if isinstance(item, Picture):
        return item
    value = item.get(KEY) if isinstance(item, Mapping) else item
    if isinstance(value, bytes):
        return Picture(value, f"at position {position}")
    if isinstance(value, str | Path):
        return Picture.of_file(value)
    raise WrongTypeError(
        f"Expected an image at position {position}, found {type(value).__name__}. Give its path, or its bytes."
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# The smallest PNG: its header says 1 x 1 pixel of 8 bits of grey, its one line has no filter.
GREY_PIXEL = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\x80"))
    + _chunk(b"IEND", b"")
)
