"""Small copies of pictures for pages, and pictures made of pixels."""

import base64
import io
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from metier.errors import ImageError
from metier.image.decoding import decoded, opened, pillow
from metier.image.picture import Picture

SIDE = 168  # Pixels of the longer side: some 5 KB.
QUALITY = 72
TURNED = 5  # From this tag of EXIF on, width and height are swapped.
ORIENTATION = 274


@dataclass(frozen=True)
class Thumbnail:
    """A small copy of a picture.

    Parameters
    ----------
    uri : str
        A JPEG, as a data URI.
    width, height : int
        In pixels.
    name : str
        What the picture is called: the end of its path.
    """

    uri: str
    width: int
    height: int
    name: str

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values."""
        return asdict(self)


def thumbnail(picture: Picture, side: int = SIDE) -> Thumbnail:
    """Give a small copy of a picture, of its proportions.

    Raises
    ------
    ImageError
        If it cannot be decoded.
    """
    with opened(picture, at_least=side) as image:
        width, height = image.size
        if image.getexif().get(ORIENTATION, 1) >= TURNED:
            width, height = height, width
    longer = max(width, height)
    size = (max(1, round(width * side / longer)), max(1, round(height * side / longer)))
    small = pillow().fromarray(decoded(picture, side)).resize(size)
    return Thumbnail(_uri(small), *size, picture.called.replace("\\", "/").rpartition("/")[2])


def thumbnail_or_none(picture: Picture | None) -> Thumbnail | None:
    """Give a small copy of a picture; None where there is none, or it can no longer be decoded."""
    try:
        return None if picture is None else thumbnail(picture)
    except ImageError:
        return None


def picture_of_pixels(pixels: np.ndarray, called: str) -> Picture:
    """Give a picture of pixels, an ndarray of uint8 of shape (height, width, 3); decoded it is the same."""
    stream = io.BytesIO()
    pillow().fromarray(pixels).save(stream, "PNG", compress_level=1)
    return Picture(stream.getvalue(), called)


def _uri(image: Any) -> str:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
