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


CORNERS = np.array([[[250, 0, 0], [0, 250, 0]], [[0, 0, 250], [250, 250, 0]]], np.uint8)
# How a camera held so stores what is to be seen: the tag of EXIF, and numpy's way from the scene to the file.
HELD = {
    1: lambda scene: scene,
    2: lambda scene: scene[:, ::-1],
    3: lambda scene: scene[::-1, ::-1],
    4: lambda scene: scene[::-1],
    5: lambda scene: scene.transpose(1, 0, 2),
    6: lambda scene: np.rot90(scene, 1),
    7: lambda scene: scene[::-1, ::-1].transpose(1, 0, 2),
    8: lambda scene: np.rot90(scene, -1),
}


@pytest.mark.parametrize("tag", HELD)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_every_way_to_hold_a_camera_gives_the_same_corners(tag, form):
    scene = np.kron(CORNERS, np.ones((32, 32, 1), np.uint8))
    exif = Image.Exif()
    exif[274] = tag
    stored = Image.fromarray(np.ascontiguousarray(HELD[tag](scene)))
    pixels = decoded(saved(stored, form, exif=exif, **({"quality": 95} if form == "JPEG" else {})), SIZE)
    np.testing.assert_allclose(pixels[[3, 3, 12, 12], [3, 12, 3, 12]].reshape(2, 2, 3), CORNERS, atol=12)


def palette_with_a_clear_colour():
    image = Image.new("P", (64, 64), 0)
    image.putpalette([*RED, 0, 0, 0])
    image.paste(1, (0, 32, 64, 64))
    return saved(image, transparency=1)


def grey_with_alpha():
    pixels = np.zeros((64, 64, 2), np.uint8)
    pixels[:32] = (100, 255)
    return saved(Image.fromarray(pixels, "LA"))


@pytest.mark.parametrize(
    ("picture", "above", "below"),
    [
        (palette_with_a_clear_colour(), RED, 255),
        (grey_with_alpha(), 100, 255),
        (saved(half_red("L")), 82, 255),  # Rec. 601: 0.299 red, 0.587 green and 0.114 blue.
        (saved(half_red("CMYK"), "TIFF"), RED, 255),
        (saved(half_red("YCbCr"), "JPEG", quality=95), RED, 255),
        (
            saved(half_red(), "WEBP", save_all=True, append_images=[Image.new("RGB", (64, 64))], lossless=True),
            RED,
            255,
        ),
        (saved(half_red(), "PNG", save_all=True, append_images=[Image.new("RGB", (64, 64))]), RED, 255),
    ],
    ids=["palette", "grey-alpha", "grey", "cmyk-tiff", "ycbcr", "animated-webp", "animated-png"],
)
def test_colours_of_rare_forms(picture, above, below):
    pixels = decoded(picture, SIZE).astype(float)
    np.testing.assert_allclose(pixels[2:6].mean(axis=(0, 1)), above, atol=12)
    np.testing.assert_allclose(pixels[10:14].mean(axis=(0, 1)), below, atol=6)


def test_one_bit_keeps_its_brightness():
    # Dots stand for the grey of red, 0.299 x 250 + 0.587 x 10 + 0.114 x 10; below is white.
    pixels = decoded(saved(half_red("1", side=128)), SIZE)
    np.testing.assert_allclose(pixels[1:7].mean(), 82, atol=12)
    np.testing.assert_allclose(pixels[10:14], 255, atol=6)


def test_numbers_of_a_range_of_their_own_become_black_to_white():
    ramp = np.repeat(np.linspace(-1000, 3000, 64, dtype=np.float32)[None], 64, axis=0)
    pixels = decoded(saved(Image.fromarray(ramp), "TIFF"), SIZE)
    np.testing.assert_allclose(pixels[8, :, 0], (np.arange(SIZE) + 0.5) / SIZE * 255, atol=3)


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
        (b"no picture at all", "its content is not JPEG"),
        (b"%PDF-1.7 not a picture", "it is a PDF, and not JPEG"),
        (b"\n<!DOCTYPE html><html>404</html>", "it is a web page, and not JPEG.* from its source again"),
        (b'<?xml version="1.0"?><!-- x --><svg width="9"/>', "it is an SVG drawing, .* Save it as JPEG or PNG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "it is HEIC, and not JPEG"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS, .* git lfs pull"),
        (saved(half_red(), "JPEG", quality=95).source[:400], "it is cut short or damaged"),
        (saved(half_red()).source[:80], "it is cut short or damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "its content is not JPEG"),
    ],
)
def test_what_is_no_whole_picture_is_said_with_its_name(data, said):
    with pytest.raises(ImageError, match=f"The image photo cannot be used: {said}"):
        decoded(Picture(data, "photo"), SIZE)
