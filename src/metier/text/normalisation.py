"""Normalisation of texts for comparing duplicates.

"Where is my card?" and "where is  my card" are duplicates. Symbols with meaning ("C++", "5 %", emoji) are kept;
only sentence punctuation, case, character width and spaces are normalised.
"""

import re
import unicodedata

_MARKS = '.,!?;:"“”„«»…。，！？；：、·•()（）[]【】《》〈〉「」『』—–_-'
_APOSTROPHES = "'’‘`´"
_NORMALISED = str.maketrans(dict.fromkeys(_MARKS, " ") | dict.fromkeys(_APOSTROPHES, ""))
_find_word = re.compile(r"\w").search


def normalise(text: str) -> str:
    """Normalise a text for comparing duplicates.

    Compatibility characters are composed (NFKC: full-width letters become plain ones), case is folded,
    apostrophes are removed, sentence punctuation becomes spaces, spaces are collapsed. A text of punctuation
    only keeps it.
    """
    folded = (text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold()
    normalised = " ".join(folded.translate(_NORMALISED).split())
    return normalised or " ".join(folded.split())


def has_words(text: str) -> bool:
    """Whether a text holds a letter or a digit of any script; blank texts and texts of emoji do not."""
    return _find_word(text) is not None
