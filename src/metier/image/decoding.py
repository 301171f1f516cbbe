"""The one place where pictures are decoded: what comes out are red, green and blue of 0 to 255, upright, on white.

A small file can state a size of gigabytes, so the size in its header is compared with a limit before a pixel is
decoded. A JPEG that is needed small is decoded small. Of an animation the first frame counts. Only the formats of
`FORMATS` are opened: Pillow has readers for dozens more, some of which start other programs.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from metier.errors import ImageError, ImageTooLargeError, MissingExtraError
from metier.image.picture import Picture

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")
SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"})
KNOWN = "JPEG, PNG, GIF, BMP, WebP or TIFF"
MOST_PIXELS = 50_000_000  # Decoded these are 150 MB; the cameras of phones have up to 50 million.
MOST_BYTES = 100_000_000  # Of a file.
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
    with opened(picture, at_least=size) as image:
        colours = _upright_colours(image, at_least=size)
        pixels: np.ndarray = np.asarray(colours.resize((size, size), BICUBIC, reducing_gap=REDUCING_GAP))
        return pixels


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
    Image = _pillow()
    try:
        with picture.open() as stream:
            _check_bytes(stream, picture.called)
            with Image.open(stream, formats=FORMATS) as image:
                _check_size(image.width, image.height, picture.called)
                if at_least is not None:
                    image.draft("RGB", (at_least, at_least))
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageTooLargeError(picture.called, "too many pixels", MOST_PIXELS) from None
    except FileNotFoundError:
        raise ImageError(
            picture.called, "there is no such file", "Correct the path, or put the file there."
        ) from None
    except IsADirectoryError:
        raise ImageError(picture.called, "it is a folder", "Give the path of one image.") from None
    except PermissionError:
        raise ImageError(
            picture.called, "this user may not read it", "Change its permissions (chmod +r)."
        ) from None
    except Image.UnidentifiedImageError:
        raise ImageError(
            picture.called, f"its content is not {KNOWN}", "Save it as one of these, or leave it out."
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        if isinstance(error, ImageError):
            raise
        # What Pillow's readers raise where a file ends too early or is damaged.
        raise ImageError(
            picture.called, f"it is cut short or damaged ({error})", "Get the file from its source again."
        ) from None


def _pillow(module: str = "PIL.Image") -> Any:
    """Give a module of Pillow, which is loaded with the first picture: texts need none of it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise MissingExtraError("Reading images", extra="image") from None


def _check_bytes(stream: Any, called: str) -> None:
    n_bytes = stream.seek(0, 2)
    stream.seek(0)
    if n_bytes == 0:
        raise ImageError(called, "it is empty (0 bytes)", "Get the file from its source again.")
    if n_bytes > MOST_BYTES:
        raise ImageTooLargeError(called, f"{n_bytes:,} bytes", MOST_BYTES, unit="bytes")


def _check_size(width: int, height: int, called: str) -> None:
    if width * height > MOST_PIXELS:
        raise ImageTooLargeError(called, f"{width:,} x {height:,} pixels", MOST_PIXELS)


def _upright_colours(image: "PillowImage", *, at_least: int) -> Any:
    """Give red, green and blue: turned as the camera was held, on white where it is transparent."""
    Image, ImageOps = _pillow(), _pillow("PIL.ImageOps")
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
