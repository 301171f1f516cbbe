"""Normalisation of texts: for comparing duplicates, for n-grams, and of what UTF-8 cannot encode.

"Where is my card?" and "where is  my card" are duplicates. Symbols with meaning ("C++", "5 %", emoji) are kept;
only sentence punctuation, case, character width and spaces are normalised.

JSON may contain lone UTF-16 surrogates (`"\\ud83d"`), but UTF-8 cannot encode them.
"""

import re
import unicodedata

_MARKS = '.,!?;:"“”„«»…。，！？；：、·•()（）[]【】《》〈〉「」『』—–_-'
_APOSTROPHES = "'’‘`´"
_NORMALISED = str.maketrans(dict.fromkeys(_MARKS, " ") | dict.fromkeys(_APOSTROPHES, ""))
# One character for one, so that offsets stay.
_FULL_WIDTH = {0xFF01 + place: chr(0x21 + place) for place in range(94)}
_SPACES = dict.fromkeys((0x3000, 0xA0, 0x2002, 0x2003, 0x2009, 0x202F, 0x2007), " ")
_DASHES = dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2212, 0xFE63), "-")
_QUOTES = {0x2019: "'", 0x2018: "'"}
_PLAIN = _FULL_WIDTH | _SPACES | _DASHES | _QUOTES
_find_word = re.compile(r"\w").search
_lone_surrogates = re.compile("[\ud800-\udfff]").sub


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


def replace_surrogates(text: str) -> str:
    """Replace lone surrogates by U+FFFD, the replacement character.

    Tokenizers and files cannot handle surrogates, and a service must answer any input.
    """
    return text if text.isascii() else _lone_surrogates("\ufffd", text)


def storable(text: str) -> str:
    """Replace by U+FFFD what databases refuse: lone surrogates and NUL."""
    return replace_surrogates(text).replace("\0", "\ufffd")


def level(text: str) -> str:
    """Normalise a text for n-grams: lower case and NFKC."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", replace_surrogates(text)).lower()


def plain_width(text: str) -> str:
    """Give a text of the same length with full-width signs, unusual dashes and spaces as plain ones."""
    return text if text.isascii() else text.translate(_PLAIN)
