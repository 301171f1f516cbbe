"""Offsets of pieces of a text: where a piece stands, edits of the text, and the offsets of spans after them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Offsets = tuple[int, int]  # Start and end in characters, the end exclusive.


@dataclass(frozen=True, order=True)
class Edit:
    """One change: the characters from `start` to `end` become `text`.

    Parameters
    ----------
    start, end : int
        In characters of the text before any change; equal for an insertion.
    text : str
        The replacement; empty for a deletion.
    """

    start: int
    end: int
    text: str

    @property
    def growth(self) -> int:
        """Characters that the text gains; below 0 where it shrinks."""
        return len(self.text) - (self.end - self.start)


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Apply edits, which may not overlap."""
    parts, position = [], 0
    for edit in sorted(edits):
        parts += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join(parts) + text[position:]


def move_offsets(offsets: Offsets, edits: Iterable[Edit]) -> Offsets:
    """Give the offsets of a span after edits outside it.

    Insertions directly before or after the span stay outside it.
    """
    start, end = offsets
    before = sum(edit.growth for edit in edits if edit.end <= start)
    return start + before, end + before


def is_free(offsets: Offsets, kept: Sequence[Offsets]) -> bool:
    """Whether offsets share no character with the spans to keep."""
    return all(offsets[1] <= start or end <= offsets[0] for start, end in kept)


def nearest(text: str, piece: str, near: int) -> int | None:
    """Give the start of the occurrence of a substring nearest to a position; None without an occurrence."""
    if not piece:
        return None
    near = max(near, 0)
    after = text.find(piece, near)
    before = text.rfind(piece, 0, near + len(piece) - 1) if near else -1
    starts = [start for start in (before, after) if start >= 0]
    return min(starts, key=lambda start: abs(start - near)) if starts else None
