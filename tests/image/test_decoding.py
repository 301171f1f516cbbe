"""Whatever a camera, a scanner or a stranger sends becomes the same pixels, or a sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from metier.errors import ImageError, ImageTooLargeError
from metier.image import Picture, decoded

SIZE = 16
RED = [250, 10, 10]


def saved(image, form="PNG", **how):
    stream = io.BytesIO()
    image.save(stream, form, **how)
    return Picture(stream.getvalue(), "photo")


def half_red(mode="RGB", side=64):
    """Red above, white below."""
    pixels = np.full((side, side, 3), 255, np.uint8)
    pixels[: side // 2] = RED
    return Image.fromarray(pixels).convert(mode)


def turned(side=64, form="JPEG"):
    exif = Image.Exif()
    exif[274] = 6  # The camera was held on its side: to be seen it is turned right.
    return saved(half_red(side=side).rotate(90), form, quality=95, exif=exif)


def animation():
    return saved(half_red(), "GIF", save_all=True, append_images=[Image.new("RGB", (64, 64), "blue")])


def on_nothing():
    image = half_red("RGBA")
    pixels = np.array(image)
    pixels[32:] = (0, 0, 0, 0)  # Transparent black.
    return saved(Image.fromarray(pixels))


@pytest.mark.parametrize(
    "picture",
    [
        saved(half_red()),
        saved(half_red(), "JPEG", quality=95),
        saved(half_red("CMYK"), "JPEG", quality=95),
        saved(half_red("P")),
        saved(half_red(), "WEBP", lossless=True),
        saved(half_red(), "TIFF"),
        turned(),
        turned(640, "PNG"),  # Shrunk before it is turned.
        animation(),
        on_nothing(),
    ],
    ids=["png", "jpeg", "cmyk", "palette", "webp", "tiff", "turned", "large", "animated", "transparent"],
)
def test_the_same_picture_in_every_form_is_the_same_pixels(picture):
    pixels = decoded(picture, SIZE)
    assert pixels.shape == (SIZE, SIZE, 3)
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(pixels[2:6].mean(axis=(0, 1)), RED, atol=12)
    np.testing.assert_allclose(pixels[10:14].mean(axis=(0, 1)), 255, atol=6)


def test_sixteen_bits_keep_their_brightness():
    grey = Image.fromarray(np.full((8, 8), 32_896, np.uint16))  # Half of 65,535.
    np.testing.assert_allclose(decoded(saved(grey), SIZE), 128, atol=1)


def bomb(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return Picture(head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b""), "photo")


@pytest.mark.parametrize("side", [8_000, 11_000, 60_000])
def test_a_picture_that_states_too_many_pixels_is_refused_before_it_is_decoded(side):
    with pytest.raises(ImageTooLargeError, match="50,000,000 pixels are allowed"):
        decoded(bomb(side, side), SIZE)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", r"it is empty \(0 bytes\)"),
        (b"%PDF-1.7 not a picture", "its content is not JPEG"),
        (saved(half_red(), "JPEG", quality=95).source[:400], "it is cut short or damaged"),
        (saved(half_red()).source[:80], "it is cut short or damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "its content is not JPEG"),
    ],
)
def test_what_is_no_whole_picture_is_said_with_its_name(data, said):
    with pytest.raises(ImageError, match=f"The image photo cannot be used: {said}"):
        decoded(Picture(data, "photo"), SIZE)
