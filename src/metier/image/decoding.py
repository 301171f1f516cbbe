"""The one place where pictures are decoded: what comes out are red, green and blue of 0 to 255, upright, on white.

A small file can state a size of gigabytes, so the size in its header is compared with a limit before a pixel is
decoded. A JPEG that is needed small is decoded small. Of an animation the first frame counts. Only the formats of
`FORMATS` are opened: Pillow has readers for dozens more, some of which start other programs. DICOM files, which are
known by their content, are shown as `image.dicom` says.
"""

import importlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from metier.errors import ImageError, ImageTooLargeError, MissingExtraError
from metier.image.dicom.recognising import SUFFIXES as DICOM_SUFFIXES
from metier.image.dicom.recognising import is_dicom
from metier.image.dicom.rendering import rendered
from metier.image.limits import MOST_PIXELS, check_bytes, check_size
from metier.image.other_formats import known_other
from metier.image.picture import Picture
from metier.media_file import DAMAGE, read_faults

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")
SUFFIXES = DICOM_SUFFIXES | {".jpg", ".jpeg", ".jpe", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"}
KNOWN = "JPEG, PNG, GIF, BMP, WebP, TIFF or DICOM"
WHITE = (255, 255, 255)
BICUBIC, REDUCING_GAP = (
    3,
    3.0,
)  # Pillow's number of the filter; how roughly a large picture may be halved before it.
SHRUNK_TO = 3  # Times the sides that are needed, before the filter.
SHRUNK_MODES = frozenset({"L", "RGB", "RGBA", "CMYK"})
WIDE = 257  # From 16 bits to 8: 65535 / 255.


def decoded(picture: Picture, size: int) -> np.ndarray:
    """Decode a picture, and scale the whole of it to a square.

    Parameters
    ----------
    size : int
        Pixels of a side.

    Returns
    -------
    ndarray of uint8 of shape (size, size, 3)

    Raises
    ------
    ImageError
        If it is missing, is none by its content, or ends too early.
    ImageTooLargeError
        If it has more than `MOST_PIXELS` pixels.
    """
    with upright(picture, at_least=size) as colours:
        pixels: np.ndarray = np.asarray(colours.resize((size, size), BICUBIC, reducing_gap=REDUCING_GAP))
        return pixels


@contextmanager
def upright(picture: Picture, *, at_least: int) -> Iterator["PillowImage"]:
    """Decode a picture: red, green and blue, turned as the camera was held, on white where it is transparent.

    Parameters
    ----------
    at_least : int
        Pixels of the shorter side that are enough: a far larger picture is shrunk before its colours are worked on.

    Raises
    ------
    ImageError, ImageTooLargeError
        As `decoded` does.
    """
    with opened(picture, at_least=at_least) as image:
        yield _upright_colours(image, at_least=at_least)


@contextmanager
def opened(picture: Picture, *, at_least: int | None = None) -> Iterator["PillowImage"]:
    """Open a picture; its size is known then, and within the limit, and no pixel is decoded yet.

    Parameters
    ----------
    at_least : int, optional
        Pixels of a side that are enough: a JPEG is decoded at an eighth to all of its size.

    Raises
    ------
    ImageError, ImageTooLargeError
        As `decoded` does; also for what goes wrong with the picture while it is open.
    """
    Image = pillow()
    try:
        with read_faults(ImageError, picture, (SyntaxError, *DAMAGE)), picture.open() as stream:
            check_bytes(stream, picture.called)
            if is_dicom(stream):
                yield Image.fromarray(rendered(stream, picture.called))
                return
            with _recognised(stream, picture.called) as image:
                check_size(image.width, image.height, picture.called)
                if at_least is not None:
                    image.draft("RGB", (at_least, at_least))
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageTooLargeError(picture.called, "too many pixels", f"{MOST_PIXELS:,} pixels") from None


def _recognised(stream: BinaryIO, called: str) -> "PillowImage":
    """Let Pillow recognise a file by its content."""
    try:
        found: PillowImage = pillow().open(stream, formats=FORMATS)
    except pillow().UnidentifiedImageError:
        other = known_other(stream)
        if other is not None:
            raise ImageError(called, f"it is {other[0]}, and not {KNOWN}", other[1]) from None
        raise ImageError(
            called, f"its content is not {KNOWN}", "Save it as one of these, or leave it out."
        ) from None
    return found


def pillow(module: str = "PIL.Image") -> Any:
    """Give a module of Pillow, which is loaded with the first picture: texts need none of it."""
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        raise MissingExtraError("Reading images", extra="image") from None
    if module == "PIL.Image":  # `check_size` refuses what is smaller than what Pillow warns of.
        warnings.filterwarnings("ignore", category=found.DecompressionBombWarning)
    return found


def _upright_colours(image: "PillowImage", *, at_least: int) -> Any:
    """Give red, green and blue: turned as the camera was held, on white where it is transparent."""
    Image, ImageOps = pillow(), pillow("PIL.ImageOps")
    image.seek(0)
    image.load()
    factor = min(image.size) // (SHRUNK_TO * at_least)
    # What is done to the colours copies them several times, so it is done to fewer pixels where there are far more.
    is_shrunk = factor > 1 and image.mode in SHRUNK_MODES and "transparency" not in image.info
    small = image.reduce(factor) if is_shrunk else image
    turned = ImageOps.exif_transpose(small)
    if turned.mode.startswith("I") or turned.mode == "F":
        return Image.fromarray(_eight_bits(np.asarray(turned))).convert("RGB")
    if "A" in turned.getbands() or "transparency" in turned.info:
        clear = turned.convert("RGBA")
        ground = Image.new("RGBA", clear.size, (*WHITE, 255))
        return Image.alpha_composite(ground, clear).convert("RGB")
    return turned.convert("RGB")


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Give 16 bits, or numbers of a range of their own, as 0 to 255."""
    if values.dtype.kind == "f":
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        values = np.nan_to_num((values - low) / max(high - low, 1e-12) * 255)
    else:
        values = np.clip(values // WIDE, 0, 255)
    eight: np.ndarray = values.astype(np.uint8)
    return eight
