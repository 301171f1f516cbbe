"""Small changes of a text, and where its marked pieces stand afterwards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Place = tuple[int, int]  # Start and end in characters, the end exclusive.


@dataclass(frozen=True, order=True)
class Edit:
    """One change: the characters from `start` to `end` become `text`.

    Parameters
    ----------
    start, end : int
        In characters of the text before any change; equal where something is put in.
    text : str
        What stands there afterwards; empty where something goes.
    """

    start: int
    end: int
    text: str

    @property
    def growth(self) -> int:
        """Characters that the text gains; below 0 where it loses some."""
        return len(self.text) - (self.end - self.start)


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """Give the text with every change made; no two of them may overlap."""
    parts, position = [], 0
    for edit in sorted(edits):
        parts += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join(parts) + text[position:]


def move_place(place: Place, edits: Iterable[Edit]) -> Place:
    """Say where a piece of the text stands after changes that lie outside of it.

    What is put in right before the piece or right behind it stays outside.
    """
    start, end = place
    before = sum(edit.growth for edit in edits if edit.end <= start)
    return start + before, end + before


def is_free(place: Place, kept: Sequence[Place]) -> bool:
    """Whether a place shares no character with any of those that have to stay as they are."""
    return all(place[1] <= start or end <= place[0] for start, end in kept)
