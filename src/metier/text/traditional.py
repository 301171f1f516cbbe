"""Chinese characters of one script written in the other.

The table is that of OpenCC (Apache-2.0), character by character: a traditional character has one simplified form, but for
a few, which stay. The other way one character may have several forms that only the word tells apart (发 is 發 or 髮), or be
traditional itself (后 is 後 or 后): these stay, too.
"""

import functools
from importlib.resources import files

FILE = "simplified_characters.txt"


@functools.cache
def simplified_characters() -> dict[int, str]:
    """The simplified form of each traditional character, for `str.translate`."""
    lines = (files("metier.text") / FILE).read_text(encoding="utf-8").splitlines()
    traditional, simplified = (line for line in lines if line and not line.startswith("#"))
    return {ord(one): other for one, other in zip(traditional, simplified, strict=True)}


@functools.cache
def traditional_characters() -> dict[int, str]:
    """The traditional form of each simplified character that has one alone, for `str.translate`."""
    forms: dict[str, list[str]] = {}
    for traditional, simplified in simplified_characters().items():
        forms.setdefault(simplified, []).append(chr(traditional))
    return {ord(one): found[0] for one, found in forms.items() if len(found) == 1 and not _is_traditional(one)}


def _is_traditional(character: str) -> bool:
    """Whether texts in traditional characters have it: Big5 was made for these."""
    try:
        character.encode("big5")
    except UnicodeEncodeError:
        return False
    return True


def to_traditional(text: str) -> str:
    """Give a text of the same length with traditional characters where the form is certain."""
    return text if text.isascii() else text.translate(traditional_characters())


def to_simplified(text: str) -> str:
    """Give a text of the same length in simplified characters."""
    return text if text.isascii() else text.translate(simplified_characters())
