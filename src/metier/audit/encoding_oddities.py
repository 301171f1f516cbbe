"""Signs that a text did not begin with: wrong decoding, lost and unseen signs, two widths or scripts in one set."""

import re
from collections.abc import Iterator, Sequence

from metier.audit.finding import MOST_EXAMPLES, Finding, examples_of, positions_of
from metier.data.rows import Rows
from metier.figures import count_of
from metier.text.cleaning.signs import control_sign_edits, width_edits
from metier.text.mojibake import lost_signs, mojibake_edits
from metier.text.traditional import simplified_characters

MOST_ROWS = 100_000  # Looked at: an even sample of more.
MOST_CHARACTERS = 20_000  # Of each text.
FEWEST_TRADITIONAL = 2  # Characters: one alone may be a name, or a variant that both scripts have.
_kana = re.compile("[\u3040-\u30ff]").search
RARER_FRACTION = 0.4  # Of the rows: with more on both sides neither is the exception.


def check_encoding(rows: Rows) -> Iterator[Finding]:
    """Find texts with mojibake, lost or unseen signs, full-width letters or traditional characters among others."""
    if not rows.has_texts:
        return
    step = -(-len(rows) // MOST_ROWS) or 1
    texts = {
        position: text[:MOST_CHARACTERS]
        for position, text in enumerate(rows.texts)
        if position % step == 0 and not text.isascii()
    }
    wrong = {position: [edit.text for edit in mojibake_edits(text)] for position, text in texts.items()}
    yield from _mojibake(rows, {position: said for position, said in wrong.items() if said})
    yield from _lost(rows, {position: signs for position, text in texts.items() if (signs := lost_signs(text))})
    ascii_too = {position: rows.texts[position] for position in range(0, len(rows), step)}
    yield from _unseen(
        rows, {position: codes for position, text in ascii_too.items() if (codes := _unseen_in(text))}
    )
    clean = {position: text for position, text in texts.items() if not wrong[position]}
    n_looked_at = len(range(0, len(rows), step))
    yield from _widths(rows, [position for position, text in clean.items() if _has_wide(text)], n_looked_at)
    yield from _scripts(rows, clean)


def _mojibake(rows: Rows, said: dict[int, list[str]]) -> Iterator[Finding]:
    if said:
        positions = list(said)
        yield Finding(
            "mojibake",
            "warning",
            f"{count_of(len(said), 'text')} {'was' if len(said) == 1 else 'were'} decoded by the wrong encoding",
            positions_of(positions),
            rows.origin,
            examples_of(rows, positions, was=[" ".join(said[position]) for position in positions]),
            "write a corrected copy with --fix FILE",
            {
                "rule": "the signs are the bytes of another text: UTF-8 read as Windows-1252 or GBK, or GBK as Latin-1"
            },
        )


def _lost(rows: Rows, lost: dict[int, list[str]]) -> Iterator[Finding]:
    if lost:
        positions = list(lost)
        yield Finding(
            "lost-signs",
            "warning",
            f"{count_of(len(lost), 'text')} {'has' if len(lost) == 1 else 'have'} signs that a wrong encoding put in the "
            "place of what stood there",
            positions_of(positions),
            rows.origin,
            examples_of(rows, positions, found=[" ".join(lost[position][:3]) for position in positions]),
            "read the source again in its encoding (--encoding), or remove these rows",
            {"rule": "U+FFFD, or what it becomes when it is decoded again (锟斤拷, 烫烫烫, 屯屯屯)"},
        )


def _unseen_in(text: str) -> str:
    """Give the code points of the signs that nobody sees; ends of lines are none."""
    signs = "".join(text[edit.start : edit.end] for edit in control_sign_edits(text) if not edit.text)
    return " ".join(dict.fromkeys(f"U+{ord(sign):04X}" for sign in signs))


def _unseen(rows: Rows, unseen: dict[int, str]) -> Iterator[Finding]:
    if unseen:
        positions = list(unseen)
        yield Finding(
            "unseen-signs",
            "note",
            f"{count_of(len(unseen), 'text')} {'has' if len(unseen) == 1 else 'have'} signs that nobody sees: "
            "control signs, signs of no width or marks of direction",
            positions_of(positions),
            rows.origin,
            examples_of(rows, positions, found=[unseen[position] for position in positions]),
            "write a corrected copy with --fix FILE",
            {"rule": "as the step control-signs of metier clean takes them away; joiners inside emoji stay"},
        )


def _has_wide(text: str) -> bool:
    return any(not edit.text.isspace() for edit in width_edits(text))


def _widths(rows: Rows, wide: Sequence[int], n_looked_at: int) -> Iterator[Finding]:
    if wide and len(wide) < RARER_FRACTION * n_looked_at:
        yield Finding(
            "mixed-widths",
            "note",
            f"{count_of(len(wide), 'text')} {'has' if len(wide) == 1 else 'have'} full-width letters or digits, "
            "and others plain ones: a model takes them for different words",
            positions_of(wide),
            rows.origin,
            examples_of(rows, wide[:MOST_EXAMPLES]),
            "write a corrected copy with --fix FILE",
            {"rule": f"fewer than {RARER_FRACTION:.0%} of the texts have full-width letters or digits"},
        )


def _scripts(rows: Rows, texts: dict[int, str]) -> Iterator[Finding]:
    """Find texts in traditional characters among simplified ones, or the other way round."""
    table = simplified_characters()
    simplified_only = {form for code, form in table.items() if form != chr(code) and ord(form) not in table}
    traditional, simplified = [], []
    for position, text in texts.items():
        if _kana(text):
            continue  # Japanese has characters of both.
        old = sum(ord(sign) in table for sign in text)
        new = sum(sign in simplified_only for sign in text)
        if old >= FEWEST_TRADITIONAL and old > new:
            traditional.append(position)
        elif new:
            simplified.append(position)
    rarer = min(traditional, simplified, key=len)
    if rarer and len(rarer) < RARER_FRACTION * (len(traditional) + len(simplified)):
        kind, other = ("traditional", "simplified") if rarer is traditional else ("simplified", "traditional")
        yield Finding(
            "mixed-scripts",
            "note",
            f"{count_of(len(rarer), 'text')} in {kind} Chinese characters among "
            f"{len(traditional) + len(simplified) - len(rarer):,} others, most of them "
            f"{other}",
            positions_of(rarer),
            rows.origin,
            examples_of(rows, rarer),
            "metier clean --simplified" if kind == "traditional" else "",
            {
                "rule": f"at least {FEWEST_TRADITIONAL} characters that have a simplified form, "
                "and more of them than simplified ones"
            },
        )
