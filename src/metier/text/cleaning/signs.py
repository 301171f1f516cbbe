"""Signs of a text: those that nobody sees, full-width ones, and those that are repeated.

Control characters, zero-width characters and marks of direction go. Full-width letters, digits and spaces become plain;
Chinese punctuation beside Chinese stays as wide as it is. Three of a repeated sign are kept, one space, and one empty line.
"""

import re
from collections.abc import Iterator

from metier.text.normalisation import plain_width
from metier.text.offsets import Edit

# Joiners belong to emoji and to Indic and Arabic words; between plain letters, digits and Han they are left-overs.
_PLAIN = "\x00-\x7f\u3000-\u303f\u3400-\u9fff\uff00-\uffef"
_signs = re.compile(
    "(?P<line>\r\n?|[\x85\u2028\u2029])|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e"
    f"\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb]+|(?<=[{_PLAIN}])[\u200c\u200d]+(?=[{_PLAIN}]|$)"
).finditer


def control_sign_edits(text: str) -> Iterator[Edit]:
    """Give the edits that take unseen signs away, and write each end of a line as one sign."""
    for found in _signs(text):
        yield Edit(*found.span(), "\n" if found.group("line") else "")


_WIDE_SIGNS = "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff5e"
_wide_runs = re.compile(
    "[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u3000\xa0\u2002\u2003\u2009\u202f\u2007]+"
    # Between letters or digits of any width, as in an address: ａ＠ｂ．ｃ
    f"|(?<=[0-9A-Za-z\uff10-\uff19\uff21-\uff3a\uff41-\uff5a])[{_WIDE_SIGNS}]+(?=[0-9A-Za-z\uff10-\uff19\uff21-\uff3a\uff41-\uff5a])"
).finditer


def width_edits(text: str) -> Iterator[Edit]:
    """Give the edits that write full-width letters, digits and spaces as plain ones."""
    if text.isascii():
        return
    for found in _wide_runs(text):
        yield Edit(*found.span(), plain_width(found.group()))


MOST = 3  # A sign that is repeated says something, how often does not.
_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_repeated = re.compile(rf"([^\w\s]|[_{_HAN}A-Za-z])\1{{{MOST},}}").finditer
REACH = 12  # Characters to both sides of a letter, which show whether it belongs to a code (0xffffffff).
_spaces = re.compile(r"\s+").finditer


def repeated_sign_edits(text: str) -> Iterator[Edit]:
    """Give the edits that shorten runs of one sign, and of spaces and empty lines."""
    for found in _repeated(text):
        if found.group(1).isascii() and found.group(1).isalpha() and _is_code(text, *found.span()):
            continue
        yield Edit(*found.span(), found.group(1) * MOST)
    for found in _spaces(text):
        piece = found.group()
        kept = "" if found.start() == 0 or found.end() == len(text) else _space(piece)
        if kept != piece:
            yield Edit(*found.span(), kept)


def _is_code(text: str, start: int, end: int) -> bool:
    """Whether letters belong to a word with digits in it."""
    before = text[max(0, start - REACH) : start].replace("\n", " ").rpartition(" ")[2]
    after = text[end : end + REACH].replace("\n", " ").partition(" ")[0]
    return any("0" <= sign <= "9" for sign in before + after)


def _space(piece: str) -> str:
    lines = piece.count("\n")
    if lines:
        return "\n\n" if lines > 1 else "\n"
    return piece if len(piece) == 1 else " "
