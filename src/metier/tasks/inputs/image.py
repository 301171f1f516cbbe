"""Input: one image or several, each the path of a file or its bytes."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from metier.errors import ImageError, ImageTooLargeError
from metier.image.decoding import opened
from metier.image.picture import Picture
from metier.tasks.inputs.media_kind import MediaKind

if TYPE_CHECKING:  # What answers needs neither scikit-learn nor the rows' Arrow.
    from metier.data.rows import Rows

KEY = "image"


@dataclass(frozen=True)
class Image(MediaKind):
    """One image or several; an item is `{"image": path, bytes or a list of them}`, read it is a `Picture`."""

    name: ClassVar[str] = "image"
    key: ClassVar[str] = KEY
    keys: ClassVar[tuple[str, ...]] = (KEY,)
    noun: ClassVar[str] = "an image"
    roles: ClassVar[tuple[str, ...]] = (KEY,)
    parts: ClassVar[tuple[str, ...]] = (KEY,)
    file: ClassVar[type[Picture]] = Picture
    error: ClassVar[type[ImageError]] = ImageError
    limit: ClassVar[type[ImageTooLargeError]] = ImageTooLargeError

    @property
    def example(self) -> dict[str, str]:
        """A question with the path of a file."""
        return {KEY: "photo.jpg"}

    @property
    def trial(self) -> dict[str, bytes]:
        """An image of one grey pixel, which needs no file."""
        return {KEY: GREY_PIXEL}

    def shown(self, item: Any) -> list[str]:
        """Give what the images are called."""
        return [one.called for one in self.file_of(item, 0).each]

    def value_fault(self, value: Any) -> str | None:
        """Give why a value is neither an image nor a list of images, in a sentence; None: it is."""
        each = value if isinstance(value, list) and value else [value]
        return next((fault for one in each if (fault := super(Image, self).value_fault(one)) is not None), None)

    def file_of(self, item: Any, position: int) -> Picture:
        """Give the picture of one question, with the others of a list; grey where a text has none."""
        if isinstance(item, Mapping) and "text" in item and item.get(KEY) is None:
            return NO_PICTURE
        if isinstance(item, tuple):  # A text with its image.
            return item[1] or NO_PICTURE
        value = item.get(KEY) if isinstance(item, Mapping) else item
        if isinstance(value, list) and value:
            return Picture.of_several([self.file_of(one, position) for one in value])
        found: Picture = super().file_of(item, position)
        return found

    def received(self, item: Any, *, field: str, most_bytes: int) -> Picture:
        """Give the image of a request, which its base64 holds; its pixels are counted and not decoded yet.

        Raises
        ------
        ImageError, ImageTooLargeError
            If it is not base64, is no image by its content, or has too many bytes or pixels.
        """
        if isinstance(item[KEY], list):
            pictures = [
                self.received({KEY: one}, field=f"{field}[{number}]", most_bytes=most_bytes)
                for number, one in enumerate(item[KEY])
            ]
            return Picture.of_several(pictures)
        picture: Picture = self.sent(item[KEY], field=field, most_bytes=most_bytes)
        with opened(picture) as image:
            return replace(picture, n_pixels=image.width * image.height)

    def row_faults(self, rows: "Rows") -> dict[int, str]:
        """Give why rows cannot be asked, in a clause, by their positions: no image, or one that cannot be used."""
        return rows.image_faults

    def from_rows(self, rows: "Rows") -> list[dict[str, Any]]:
        """Give the images of each row."""
        rows.values(KEY)  # Raises where a row has none.
        return [{KEY: as_asked(picture)} for picture in rows.pictures]


IMAGE = Image()


def as_asked(picture: Picture | None) -> str | list[str] | Picture | None:
    """Give the images of a row as JSON holds them, by their paths; as they are where they lie inside a file."""
    if picture is None:
        return None
    paths = [str(one.source) for one in picture.each if isinstance(one.source, Path)]
    if len(paths) < len(picture.each):
        return picture
    return paths if len(paths) > 1 else paths[0]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# The smallest PNG: its header says 1 x 1 pixel of 8 bits of grey, its one line has no filter.
GREY_PIXEL = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\x80"))
    + _chunk(b"IEND", b"")
)
NO_PICTURE = Picture(GREY_PIXEL, "no image")  # What a method of images is given of a text without one.
