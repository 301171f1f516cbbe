"""N-grams of a text: what the traditional pipeline counts.

Two views of one text. Words and pairs of words say what it is about; characters forgive a spelling mistake, an
inflection and a wrong word boundary. One rule serves English, Chinese and both in one text: a run of Han
characters gives its 1- to 3-grams as it stands, and everything else is cut at spaces and gives 2- to 5-grams
of each piece with a space on either side (scikit-learn's `char_wb`), so that "card" at the end of a word is
told from "card" inside one.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator

from metier.text.segmentation import HAN, has_han, segment
from metier.text.surrogates import replace_surrogates

SHORTEST_LATIN, LONGEST_LATIN = 2, 5
LONGEST_HAN = 3  # Longer Han n-grams are words, and the segmentation gives those.

_mixed_pieces = re.compile(f"[{HAN}]+|[^\\s{HAN}]+").findall


def level(text: str) -> str:
    """Give a text in the form whose n-grams are counted: lower case and NFKC."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", replace_surrogates(text)).lower()


def word_ngrams(levelled: str) -> list[str]:
    """Give the words of a levelled text, then its pairs of neighbouring words joined by a space."""
    words = segment(levelled)
    return words + [f"{first} {second}" for first, second in itertools.pairwise(words)]


def pieces(levelled: str) -> list[str]:
    """Cut a levelled text into what character n-grams do not cross: Han runs, and the rest at spaces."""
    return _mixed_pieces(levelled) if has_han(levelled) else levelled.split()


def character_ngrams(piece: str) -> Iterator[str]:
    """Give the character n-grams of one piece, one by one: a pasted file has millions.

    A piece shorter than a length is given once, whole, and longer lengths are left out.
    """
    if has_han(piece):
        lengths = range(1, LONGEST_HAN + 1)
    else:
        piece = f" {piece} "
        lengths = range(SHORTEST_LATIN, min(LONGEST_LATIN, max(len(piece), SHORTEST_LATIN)) + 1)
    return (piece[start : start + length] for length in lengths for start in range(len(piece) - length + 1))
