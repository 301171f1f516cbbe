"""Clean one text by steps, keep where each character stood, and never touch what is marked in it without a word.

Each step gives edits of the text that the step before it left. An edit that would reach into a marked piece (a span, an
entity, an answer) is left out and told. Two kinds of edits may change what is inside one, and are told as well: those that
put one character for one, and personal data, where the mark goes round what replaced them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from metier.text.cleaning.boilerplate import boilerplate_edits
from metier.text.cleaning.markup import markup_edits
from metier.text.cleaning.signs import control_sign_edits, repeated_sign_edits, width_edits
from metier.text.cleaning.stop_words import stop_word_edits
from metier.text.mojibake import mojibake_edits
from metier.text.offset_map import OffsetMap
from metier.text.offsets import Edit, Offsets, apply_edits
from metier.text.traditional import to_simplified

PERSONAL_DATA = "personal-data"
BOILERPLATE = "boilerplate"
# In the order in which they run.
STEPS = (
    "mojibake",
    "markup",
    "control-signs",
    "width",
    "simplified",
    BOILERPLATE,
    "repeated-signs",
    PERSONAL_DATA,
    "stop-words",
)
USUAL_STEPS = ("markup", "control-signs", "width", BOILERPLATE, "repeated-signs")
# Steps whose edits keep the length: what is marked keeps its place, so that they may change characters inside.
SAME_LENGTH = ("width", "simplified")
FindEdits = Callable[[str], Iterable[Edit]]


@dataclass(frozen=True)
class Change:
    """One change of a text, or one that was left out.

    Parameters
    ----------
    step : str
        Of `STEPS`.
    start, end : int
        In characters of the text before any step.
    before, after : str
        What stood there when the step ran, and what stands there then.
    is_personal : bool
        Whether `before` is personal data.
    is_marked : bool
        Whether it is inside a marked piece, whose offsets were changed with it.
    """

    step: str
    start: int
    end: int
    before: str
    after: str
    is_personal: bool = False
    is_marked: bool = False


@dataclass(frozen=True)
class Cleaned:
    """A text after all steps.

    Parameters
    ----------
    text : str
    changes, kept : tuple of Change
        What was changed, and what was left as it reaches into a marked piece.
    maps : tuple of OffsetMap
        From the text before each step to the text after it.
    """

    text: str
    changes: tuple[Change, ...]
    kept: tuple[Change, ...]
    maps: tuple[OffsetMap, ...]

    def moved(self, offsets: Offsets) -> Offsets:
        """Give the offsets of a piece of the text before, after all steps."""
        for one in self.maps:
            offsets = one.after(offsets)
        return offsets


@dataclass
class _Work:
    text: str
    marked: list[Offsets]
    changes: list[Change] = field(default_factory=list)
    kept: list[Change] = field(default_factory=list)
    maps: list[OffsetMap] = field(default_factory=list)

    def run(self, step: str, edits: Iterable[Edit]) -> None:
        """Apply the edits of a step that may be applied."""
        applied = []
        edits = self._cut_at_marks(edits) if step in SAME_LENGTH else edits
        for edit in sorted(edits):
            touched = [mark for mark in self.marked if edit.start < mark[1] and mark[0] < edit.end]
            may_change = step in (PERSONAL_DATA, *SAME_LENGTH) and all(_stays(mark, edit) for mark in touched)
            change = self._change(step, edit, is_marked=bool(touched))
            if touched and not may_change:
                self.kept.append(change)
                continue
            applied.append(edit)
            self.changes.append(change)
        if applied:
            one = OffsetMap(applied)
            self.text, self.marked = apply_edits(self.text, applied), [one.after(mark) for mark in self.marked]
            self.maps.append(one)

    def _cut_at_marks(self, edits: Iterable[Edit]) -> Iterable[Edit]:
        """Cut edits that keep the length where a marked piece begins or ends inside them."""
        ends = sorted({place for mark in self.marked for place in mark})
        for edit in edits:
            start = edit.start
            for place in (*(place for place in ends if edit.start < place < edit.end), edit.end):
                yield Edit(start, place, edit.text[start - edit.start : place - edit.start])
                start = place

    def _change(self, step: str, edit: Edit, *, is_marked: bool) -> Change:
        place = edit.start, edit.end
        for one in reversed(self.maps):
            place = one.before(place)
        before = self.text[edit.start : edit.end]
        return Change(step, *place, before, edit.text, is_personal=step == PERSONAL_DATA, is_marked=is_marked)


def _stays(mark: Offsets, edit: Edit) -> bool:
    """Whether a marked piece goes round an edit, and something of it is left."""
    return mark[0] <= edit.start and edit.end <= mark[1] and mark[1] - mark[0] + edit.growth > 0


def clean(
    text: str,
    steps: Sequence[str],
    *,
    marked: Sequence[Offsets] = (),
    repeated_lines: frozenset[str] = frozenset(),
    personal_data: FindEdits | None = None,
) -> Cleaned:
    """Clean a text.

    Parameters
    ----------
    steps : sequence of str
        Of `STEPS`; they run in that order.
    marked : sequence of (start, end)
        Pieces that stay as they are, and whose offsets are wanted afterwards.
    repeated_lines : frozenset of str
        Lines of `LineCounts.repeated`, for the step `boilerplate`.
    personal_data : callable, optional
        Gives the edits that take personal data out of a text, for the step `personal-data`.
    """
    work = _Work(text, list(marked))
    for step in STEPS:
        if step not in steps:
            continue
        if step == BOILERPLATE:
            work.run(step, boilerplate_edits(work.text, repeated_lines))
        elif step == PERSONAL_DATA:
            work.run(step, personal_data(work.text) if personal_data else ())
        else:
            work.run(step, _EDITS[step](work.text))
    return Cleaned(work.text, tuple(work.changes), tuple(work.kept), tuple(work.maps))


def _simplified_edits(text: str) -> Iterable[Edit]:
    """Give one edit for each run of characters that have a simplified form."""
    other = to_simplified(text)
    start = None
    for place, (one, two) in enumerate(zip(f"{text}\0", f"{other}\0", strict=True)):
        if one != two:
            start = place if start is None else start
        elif start is not None:
            yield Edit(start, place, other[start:place])
            start = None


_EDITS: dict[str, FindEdits] = {
    "mojibake": mojibake_edits,
    "markup": markup_edits,
    "control-signs": control_sign_edits,
    "width": width_edits,
    "simplified": _simplified_edits,
    "repeated-signs": repeated_sign_edits,
    "stop-words": stop_word_edits,
}
