"""What a file is that is no picture which can be decoded, where its first bytes say it."""

from typing import BinaryIO

HEAD_BYTES = 1_024
EXPORT = "Save it as JPEG or PNG."
NOT_THE_FILE = "It is not the image itself: get the image from its source again."
# What a file begins with, white space left out and in small letters; what it is; what to do.
STARTS = (
    (b"<!doctype html", "a web page", NOT_THE_FILE),
    (b"<html", "a web page", NOT_THE_FILE),
    (b"version https://git-lfs", "a pointer of Git LFS", "Get the file with: git lfs pull"),
    (b"{", "JSON", NOT_THE_FILE),
    (b"%pdf", "a PDF", "Save its page as JPEG or PNG."),
    (b"pk\x03\x04", "a ZIP archive", "Unpack it."),
    (b"\x1f\x8b", "a compressed file", "Unpack it."),
)
# What stands behind the size of the first box of a file of ISO base media (ISO/IEC 14496-12).
BRANDS = ((b"heic", "HEIC"), (b"heix", "HEIC"), (b"mif1", "HEIC"), (b"avif", "AVIF"))


def known_other(stream: BinaryIO) -> tuple[str, str] | None:
    """Give what a file is and what to do about it; None where its first bytes do not say it."""
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    if head[4:8] == b"ftyp":
        return next(((name, EXPORT) for brand, name in BRANDS if head[8:12] == brand), ("a video", EXPORT))
    plain = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in plain and plain.startswith(b"<"):
        return "an SVG drawing", EXPORT
    return next(((what, cure) for start, what, cure in STARTS if plain.startswith(start)), None)
