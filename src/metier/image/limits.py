"""How large a picture may be: what its header states is compared before a pixel of it is decoded."""

from typing import Any

from metier.errors import ImageError, ImageTooLargeError

MOST_PIXELS = 50_000_000  # Decoded these are 150 MB; the cameras of phones have up to 50 million.
MOST_BYTES = 100_000_000  # Of a file.


def check_bytes(stream: Any, called: str, *, most: int = MOST_BYTES) -> None:
    """Raise `ImageError` where a file is empty, `ImageTooLargeError` where it has too many bytes."""
    n_bytes = stream.seek(0, 2)
    stream.seek(0)
    if n_bytes == 0:
        raise ImageError(called, "it is empty (0 bytes)", "Get the file from its source again.")
    if n_bytes > most:
        raise ImageTooLargeError(called, f"{n_bytes:,} bytes", f"{most:,} bytes")


def check_size(width: int, height: int, called: str) -> None:
    """Raise `ImageTooLargeError` where a picture has too many pixels."""
    if width * height > MOST_PIXELS:
        raise ImageTooLargeError(called, f"{width:,} x {height:,} pixels", f"{MOST_PIXELS:,} pixels")
