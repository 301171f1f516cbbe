"""Tokens of a text with their offsets, the units of tagging.

Tokens are words, numbers and single punctuation marks; scripts without spaces (Chinese, Japanese, Thai and others)
are split into characters, as an entity may begin at any of them. A grapheme stays in one token: a letter and its
accents, an emoji and its skin tone. White space is in no token. With such fine tokens, entity boundaries are nearly
always token boundaries.
"""

import re
import unicodedata
from collections.abc import Iterator

from metier.text.segmentation import HAN

# Kana in both widths, Thai and Lao, Burmese, Khmer.
UNSPACED = f"{HAN}\u3040-\u30ff\uff66-\uff9f\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_pieces = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+|[^\w\s]").finditer
ZERO_WIDTH_JOINER = "\u200d"  # Zero-width joiner: of emoji, and of letters of Indic scripts.
SKIN_TONES = range(0x1F3FB, 0x1F400)


def token_offsets(text: str) -> list[tuple[int, int]]:
    """Give start and end of each token, in characters, in order; ends are exclusive.

    Examples
    --------
    >>> token_offsets("BRCA1 in 台北!")
    [(0, 5), (6, 8), (9, 10), (10, 11), (11, 12)]
    """
    if text.isascii():
        return [piece.span() for piece in _pieces(text)]
    return list(_graphemes(text))


def _graphemes(text: str) -> Iterator[tuple[int, int]]:
    """Give the pieces of a text, each with the combining characters after it."""
    start = end = 0
    binds = False  # Whether the piece continues with the next one.
    for piece in _pieces(text):
        first = text[piece.start()]
        is_mark = _is_mark(first)
        if piece.start() == end and end > start and (is_mark or binds):
            # After an accent a word continues; after a joiner anything does.
            binds = first == ZERO_WIDTH_JOINER or (
                is_mark and text[start].isalpha() and _goes_on(text, piece.end())
            )
            end = piece.end()
            continue
        if end > start:
            yield start, end
        start, end = piece.span()
        binds = False
    if end > start:
        yield start, end


def _is_mark(character: str) -> bool:
    return (
        unicodedata.category(character).startswith("M")
        or character == ZERO_WIDTH_JOINER
        or ord(character) in SKIN_TONES
    )


def _goes_on(text: str, position: int) -> bool:
    following = text[position : position + 1]
    return following.isalnum() and re.match(f"[{UNSPACED}]", following) is None
