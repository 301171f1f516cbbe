"""Checks of spans, answers and entities inside their text: cut words, spans longer than a window, overlaps."""

from collections.abc import Iterator
from dataclasses import dataclass

from metier.audit.finding import Finding, Severity, examples_of, positions_of
from metier.audit.texts import ENCODER_TOKENS, estimate_tokens
from metier.data.rows import Rows
from metier.figures import count_of

OVERLAP_FRACTION = 0.25  # Fraction of a window shared with the next one.
UNSPACED_FROM = "\u0e00"  # From Thai on, scripts have no spaces between words, so an edge cannot be checked.
# The relation task refuses data where more than this fraction of entities cuts a word; for spans it is a warning.
MOST_CUT_FRACTION = 0.02


@dataclass(frozen=True)
class MarkedSpan:
    """A span, answer or entity: its row, its offsets, and its label or role."""

    row: int
    start: int
    end: int
    label: str


def check_spans(rows: Rows) -> Iterator[Finding]:
    """Find spans that cut a word, spans that windows of a long text would cut, and entities that overlap."""
    marked = list(_marked_spans(rows))
    if not marked:
        return
    yield from _cut_words(rows, marked)
    yield from _cut_by_windows(rows, marked)
    yield from _overlapping_entities(rows)


def _marked_spans(rows: Rows) -> Iterator[MarkedSpan]:
    roles = rows.roles
    if roles.spans is not None:
        for row, spans in enumerate(rows.column("spans")):
            yield from (MarkedSpan(row, one["start"], one["end"], one["label"]) for one in spans or ())
    if roles.answers is not None:
        for row, answers in enumerate(rows.column("answers")):
            for answer in answers or ():
                yield MarkedSpan(row, answer["start"], answer["start"] + len(answer["text"]), "answer")
    for role in ("head", "tail"):
        if role in roles.named:
            for row, entity in enumerate(rows.column(role)):
                if entity is not None:
                    yield MarkedSpan(row, entity["start"], entity["end"], role)


def cuts_word(text: str, edge: int) -> bool:
    """Whether an offset is inside a word or number of a script with spaces."""
    if not 0 < edge < len(text):
        return False
    before, after = text[edge - 1], text[edge]
    if max(before, after) >= UNSPACED_FROM:
        return False
    return (before.isalpha() and after.isalpha()) or (before.isdecimal() and after.isdecimal())


def _cut_words(rows: Rows, marked: list[MarkedSpan]) -> Iterator[Finding]:
    texts = rows.texts
    row, text, cut = -1, "", []
    for span in marked:
        if span.row != row:
            row, text = span.row, texts[span.row]
        if cuts_word(text, span.start) or cuts_word(text, span.end):
            cut.append((span, text[span.start : span.end], _around(text, span)))
    if not cut:
        return
    first, piece, around = cut[0]
    refused = rows.roles.head is not None and len(cut) > max(1, MOST_CUT_FRACTION * len(rows))
    severity: Severity = "error" if refused else "warning"
    yield Finding(
        "cut-words",
        severity,
        f"{count_of(len(cut), 'marked span')} of {len(marked):,} {'begins or ends' if len(cut) == 1 else 'begin or end'} "
        f"inside a word: row {first.row + 1} marks {piece!r} in {around!r}; are the offsets off by one, or in bytes?",
        positions_of(list(dict.fromkeys(span.row for span, _, _ in cut))),
        rows.origin,
        examples_of(
            rows,
            [span.row for span, _, _ in cut],
            piece=[piece for _, piece, _ in cut],
            around=[around for _, _, around in cut],
        ),
        "fix the offsets in the program that made the file",
        {"pieces": len(cut), "fraction": len(cut) / len(marked)},
    )


def _around(text: str, span: MarkedSpan) -> str:
    """Give a span extended to whole words."""
    start, end = span.start, span.end
    while cuts_word(text, start):
        start -= 1
    while cuts_word(text, end):
        end += 1
    return text[start:end]


def _cut_by_windows(rows: Rows, marked: list[MarkedSpan]) -> Iterator[Finding]:
    """Find spans that do not fit in one window of a long text."""
    texts = rows.texts
    step = ENCODER_TOKENS * (1 - OVERLAP_FRACTION)
    row, rate, is_long, cut = -1, 0.0, False, []
    for span in marked:
        if span.row != row:
            row, text = span.row, texts[span.row]
            is_long = len(text) > ENCODER_TOKENS and estimate_tokens(text) > ENCODER_TOKENS
            rate = estimate_tokens(text) / len(text) if is_long else 0.0
        window = span.start * rate // step * step
        if is_long and span.end * rate > window + ENCODER_TOKENS:
            cut.append(span)
    if cut:
        yield Finding(
            "cut-by-windows",
            "warning",
            f"{count_of(len(cut), 'marked span')} {'is' if len(cut) == 1 else 'are'} longer than the overlap of windows of "
            f"{ENCODER_TOKENS} tokens: texts this long are read in windows, and no window would hold "
            f"{'it' if len(cut) == 1 else 'them'} whole",
            positions_of(list(dict.fromkeys(span.row for span in cut))),
            rows.origin,
            examples_of(
                rows,
                [span.row for span in cut],
                piece=[span.label for span in cut],
                characters=[span.end - span.start for span in cut],
            ),
            "mark shorter spans, or split these texts into paragraphs",
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
            + (f", {same:,} of them the same span twice" if same else ""),
            positions_of(overlapping),
            rows.origin,
            examples_of(rows, overlapping),
            "mark two different entities" if same else "",
            {"same_piece": same},
        )
