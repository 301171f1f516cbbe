"""N-grams of a text, the features of the traditional pipeline.

Words and word pairs describe the topic; character n-grams are robust to spelling mistakes, inflections and wrong
word boundaries. One rule serves English, Chinese and mixed text: a run of Han characters gives its 1- to 3-grams,
and everything else is split at spaces and gives 2- to 5-grams of each piece with a space on either side
(scikit-learn's `char_wb`), so that "card" at the end of a word differs from "card" inside one.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator

from metier.text.segmentation import HAN, has_han, segment
from metier.text.surrogates import replace_surrogates

SHORTEST_LATIN, LONGEST_LATIN = 2, 5
LONGEST_HAN = 3  # Longer Han n-grams are words, which the segmentation gives.

_mixed_pieces = re.compile(f"[{HAN}]+|[^\\s{HAN}]+").findall


def level(text: str) -> str:
    """Normalise a text for n-grams: lower case and NFKC."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", replace_surrogates(text)).lower()


def word_ngrams(normalised: str) -> list[str]:
    """Give the words of a normalised text, then its pairs of neighbouring words joined by a space."""
    words = segment(normalised)
    return words + [f"{first} {second}" for first, second in itertools.pairwise(words)]


def pieces(normalised: str) -> list[str]:
    """Split a normalised text into pieces for character n-grams: Han runs, and the rest at spaces."""
    return _mixed_pieces(normalised) if has_han(normalised) else normalised.split()


def character_ngrams(piece: str) -> Iterator[str]:
    """Give the character n-grams of one piece, as an iterator: a pasted file has millions.

    A shorter piece is given once, whole, without the longer lengths.
    """
    if has_han(piece):
        lengths = range(1, LONGEST_HAN + 1)
    else:
        piece = f" {piece} "
        lengths = range(SHORTEST_LATIN, min(LONGEST_LATIN, max(len(piece), SHORTEST_LATIN)) + 1)
    return (piece[start : start + length] for length in lengths for start in range(len(piece) - length + 1))
