"""Marked pieces of texts that lie in their text and are still wrong: cut words, pieces no window holds whole."""

from collections.abc import Iterator
from dataclasses import dataclass

from metier.audit.finding import Finding, Severity, count_of, examples_of, positions_of
from metier.audit.lengths import ENCODER_TOKENS, estimate_tokens
from metier.data.rows import Rows

OVERLAP_FRACTION = 0.25  # What windows share with the next one.
UNSPACED_FROM = "\u0e00"  # From Thai on, scripts put no space between words, so no edge can cut one.
# Relations refuse rows of which more than this share cuts a word; a tagger is only worse for it.
MOST_CUT_FRACTION = 0.02


@dataclass(frozen=True)
class Place:
    """One marked piece: the row it is in, where it begins and ends, and what it is."""

    row: int
    start: int
    end: int
    what: str


def check_places(rows: Rows) -> Iterator[Finding]:
    """Find pieces that cut a word, that windows of a long text would cut, and entities that overlap."""
    places = list(_places(rows))
    if not places:
        return
    yield from _cut_words(rows, places)
    yield from _cut_by_windows(rows, places)
    yield from _overlapping_entities(rows)


def _places(rows: Rows) -> Iterator[Place]:
    roles = rows.roles
    if roles.spans is not None:
        for row, spans in enumerate(rows.column("spans")):
            yield from (Place(row, span["start"], span["end"], span["label"]) for span in spans or ())
    if roles.answers is not None:
        for row, answers in enumerate(rows.column("answers")):
            for answer in answers or ():
                yield Place(row, answer["start"], answer["start"] + len(answer["text"]), "answer")
    for role in ("head", "tail"):
        if getattr(roles, role) is not None:
            for row, entity in enumerate(rows.column(role)):
                if entity is not None:
                    yield Place(row, entity["start"], entity["end"], role)


def cuts_word(text: str, edge: int) -> bool:
    """Whether a place between two characters is inside a word or a number of a script with spaces."""
    if not 0 < edge < len(text):
        return False
    before, after = text[edge - 1], text[edge]
    if max(before, after) >= UNSPACED_FROM:
        return False
    return (before.isalpha() and after.isalpha()) or (before.isdecimal() and after.isdecimal())


def _cut_words(rows: Rows, places: list[Place]) -> Iterator[Finding]:
    texts = rows.texts
    row, text, cut = -1, "", []
    for place in places:
        if place.row != row:
            row, text = place.row, texts[place.row]
        if cuts_word(text, place.start) or cuts_word(text, place.end):
            cut.append((place, text[place.start : place.end], _around(text, place)))
    if not cut:
        return
    first, piece, around = cut[0]
    refused = rows.roles.head is not None and len(cut) > max(1, MOST_CUT_FRACTION * len(rows))
    severity: Severity = "error" if refused else "warning"
    yield Finding(
        "cut-words",
        severity,
        f"{count_of(len(cut), 'marked piece')} of {len(places):,} {'begins or ends' if len(cut) == 1 else 'begin or end'} "
        f"inside a word: row {first.row + 1} marks {piece!r} in {around!r}; are the offsets off by one, or in bytes?",
        positions_of(list(dict.fromkeys(place.row for place, _, _ in cut))),
        rows.origin,
        examples_of(
            rows,
            [place.row for place, _, _ in cut],
            piece=[piece for _, piece, _ in cut],
            around=[around for _, _, around in cut],
        ),
        "mend the offsets where the file was made",
        {"pieces": len(cut), "fraction": len(cut) / len(places)},
    )


def _around(text: str, place: Place) -> str:
    """Give a piece with the whole words that it cuts."""
    start, end = place.start, place.end
    while cuts_word(text, start):
        start -= 1
    while cuts_word(text, end):
        end += 1
    return text[start:end]


def _cut_by_windows(rows: Rows, places: list[Place]) -> Iterator[Finding]:
    """Find pieces that no window holds whole, in texts that are read in windows."""
    texts = rows.texts
    step = ENCODER_TOKENS * (1 - OVERLAP_FRACTION)
    row, rate, is_long, cut = -1, 0.0, False, []
    for place in places:
        if place.row != row:
            row, text = place.row, texts[place.row]
            is_long = len(text) > ENCODER_TOKENS and estimate_tokens(text) > ENCODER_TOKENS
            rate = estimate_tokens(text) / len(text) if is_long else 0.0
        window = place.start * rate // step * step
        if is_long and place.end * rate > window + ENCODER_TOKENS:
            cut.append(place)
    if cut:
        yield Finding(
            "cut-by-windows",
            "warning",
            f"{count_of(len(cut), 'marked piece')} {'is' if len(cut) == 1 else 'are'} longer than what windows of "
            f"{ENCODER_TOKENS} tokens share: texts this long are read in windows, and none would hold "
            f"{'it' if len(cut) == 1 else 'them'} whole",
            positions_of(list(dict.fromkeys(place.row for place in cut))),
            rows.origin,
            examples_of(
                rows,
                [place.row for place in cut],
                piece=[place.what for place in cut],
                characters=[place.end - place.start for place in cut],
            ),
            "mark shorter pieces, or cut these texts into paragraphs",
            {"pieces": len(cut)},
        )


def _overlapping_entities(rows: Rows) -> Iterator[Finding]:
    if rows.roles.head is None or rows.roles.tail is None:
        return
    overlapping, same = [], 0
    for row, (head, tail) in enumerate(zip(rows.column("head"), rows.column("tail"), strict=True)):
        if (
            head is not None
            and tail is not None
            and head["start"] < tail["end"]
            and tail["start"] < head["end"]
        ):
            overlapping.append(row)
            same += (head["start"], head["end"]) == (tail["start"], tail["end"])
    if overlapping:
        yield Finding(
            "overlapping-entities",
            "error" if same else "note",
            f"{count_of(len(overlapping), 'row')} {'has' if len(overlapping) == 1 else 'have'} entities that overlap"
            + (f", {same:,} of them twice the same piece" if same else ""),
            positions_of(overlapping),
            rows.origin,
            examples_of(rows, overlapping),
            "mark two different pieces" if same else "",
            {"same_piece": same},
        )
