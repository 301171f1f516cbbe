"""What a compressed frame states itself: its size, which may be gigabytes whatever the file says, and comments."""

from collections.abc import Iterator

JPEG_START, JPEG_2000_START = b"\xff\xd8", b"\xff\x4f\xff\x51"
# Marker segments of JPEG and JPEG-LS that state the size; C4, C8 and CC are tables and not among them.
FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # Markers without a length.
COMMENTS = frozenset({0xFE, 0xE1, 0xED})
MARKER, PIXELS_START = 0xFF, 0xDA
RUN_END = 0x80  # A length byte of PackBits above it repeats the next byte; itself it does nothing.


def stated_size(frame: bytes) -> tuple[int, int] | None:
    """Give width and height that a JPEG, JPEG-LS or JPEG 2000 frame states; None where it is none of them."""
    if frame[:2] == JPEG_START:
        return _jpeg_size(frame)
    start = frame.find(JPEG_2000_START, 0, 4096)  # In a JP2 file boxes come before it.
    if start < 0 or len(frame) < start + 24:
        return None
    right, below, left, above = (
        int.from_bytes(frame[start + at : start + at + 4], "big") for at in (8, 12, 16, 20)
    )
    return right - left, below - above


def _jpeg_size(frame: bytes) -> tuple[int, int] | None:
    for marker, at in _segments(frame):
        if marker in FRAMES and at + 9 <= len(frame):
            return int.from_bytes(frame[at + 7 : at + 9], "big"), int.from_bytes(frame[at + 5 : at + 7], "big")
    return None


def has_comments(frame: bytes) -> bool:
    """Whether a JPEG frame carries comments or the notes of a camera (Exif, IPTC), which may name somebody."""
    return frame[:2] == JPEG_START and any(marker in COMMENTS for marker, _ in _segments(frame))


def _segments(frame: bytes) -> Iterator[tuple[int, int]]:
    """Give the markers of a JPEG before its pixels, and where each begins."""
    at = 2
    while at + 4 <= len(frame) and frame[at] == MARKER:
        marker = frame[at + 1]
        if marker == MARKER:  # Filling.
            at += 1
            continue
        yield marker, at
        if marker == PIXELS_START:
            return
        at += 2 if marker in BARE else 2 + int.from_bytes(frame[at + 2 : at + 4], "big")


def run_length_bytes(segment: bytes, most: int) -> int:
    """Count the bytes that a segment of run lengths (PackBits) gives; counting ends above `most`."""
    at = n_bytes = 0
    while at < len(segment) and n_bytes <= most:
        length = segment[at]
        if length < RUN_END:
            n_bytes, at = n_bytes + length + 1, at + length + 2
        elif length > RUN_END:
            n_bytes, at = n_bytes + 257 - length, at + 2
        else:
            at += 1
    return n_bytes
