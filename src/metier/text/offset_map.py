"""Where each character of a text stands after edits, and where it stood before."""

import bisect
from collections.abc import Iterable

from metier.text.offsets import Edit, Offsets


class OffsetMap:
    """A map between the offsets of a text before and after edits that do not overlap; a look-up takes log n.

    Parameters
    ----------
    edits : iterable of Edit
        In offsets of the text before.

    Examples
    --------
    >>> moved = OffsetMap([Edit(5, 21, "<EMAIL_ADDRESS>")])
    >>> moved.after((22, 26)), moved.before((21, 25))
    ((21, 25), (22, 26))
    """

    def __init__(self, edits: Iterable[Edit]):
        self._edits = sorted(edits)
        self._old = [(edit.start, edit.end) for edit in self._edits]
        self._new: list[Offsets] = []
        growth = 0
        for edit in self._edits:
            start = edit.start + growth
            self._new.append((start, start + len(edit.text)))
            growth += edit.growth
        self._old_starts = [start for start, _ in self._old]
        self._new_starts = [start for start, _ in self._new]

    @property
    def is_same(self) -> bool:
        """Whether no character was edited."""
        return not self._edits

    def after(self, offsets: Offsets) -> Offsets:
        """Give the offsets after the edits; an end inside an edited piece moves to the far end of that piece."""
        start, end = offsets
        return _moved(start, self._old_starts, self._old, self._new, is_end=False), _moved(
            end, self._old_starts, self._old, self._new, is_end=True
        )

    def before(self, offsets: Offsets) -> Offsets:
        """Give the offsets before the edits; an end inside a new piece moves to the far end of what it replaced."""
        start, end = offsets
        return _moved(start, self._new_starts, self._new, self._old, is_end=False), _moved(
            end, self._new_starts, self._new, self._old, is_end=True
        )


def _moved(place: int, starts: list[int], these: list[Offsets], those: list[Offsets], *, is_end: bool) -> int:
    # An end at the first character of a piece stands before it, a start there at it.
    number = (bisect.bisect_left if is_end else bisect.bisect_right)(starts, place) - 1
    if number < 0:
        return place
    end = these[number][1]
    if place < end or (is_end and place == end):
        return those[number][1] if is_end else those[number][0]
    return place - end + those[number][1]
