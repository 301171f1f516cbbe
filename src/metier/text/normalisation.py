"""When two texts are the same text: the form in which duplicates are compared.

"Where is my card?" and "where is  my card" teach and test the same thing. Signs that carry meaning ("C++", "5
%", emoji) stay; only the marks of a sentence, the case, the width of characters and the spaces are levelled.
"""

import re
import unicodedata

_MARKS = '.,!?;:"“”„«»…。，！？；：、·•()（）[]【】《》〈〉「」『』—–_-'
_APOSTROPHES = "'’‘`´"
_LEVEL = str.maketrans(dict.fromkeys(_MARKS, " ") | dict.fromkeys(_APOSTROPHES, ""))
_find_word = re.compile(r"\w").search


def normalise(text: str) -> str:
    """Give the form of a text in which duplicates are compared.

    Compatibility characters are composed (NFKC: full-width letters become plain ones), case is folded,
    apostrophes go, sentence marks become spaces, spaces are collapsed. A text that would vanish keeps its
    marks.
    """
    folded = (text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold()
    levelled = " ".join(folded.translate(_LEVEL).split())
    return levelled or " ".join(folded.split())


def has_words(text: str) -> bool:
    """Whether a text holds a letter or a digit of any script; blank texts and texts of emoji do not."""
    return _find_word(text) is not None
