"""Which words carry the meaning that an edit may not touch: the rule by which a flip counts.

A typing error in "not" turns a sentence round, and then a changed answer is right. An edit is therefore made only outside
these words and outside digits, and a word that it makes must not be another word of the rows. What it still changes is no
more than a reader would overlook; it is a rule, and no proof.
"""

import functools
import re
from collections.abc import Iterable
from importlib.resources import files

from metier.text.offsets import Edit, Offsets, apply_edits
from metier.text.segmentation import word_offsets

_digits = re.compile(r"[0-9０-９一二三四五六七八九十百千万亿两零半]+").finditer


def meaning_bearing(text: str) -> list[Offsets]:
    """Give the offsets of the words and numbers of a text that an edit must leave as they are."""
    listed = _listed()
    words = [pair for pair in word_offsets(text) if text[slice(*pair)].lower().replace("’", "'") in listed]
    signs = [(place, place + 1) for place, sign in enumerate(text) if not sign.isascii() and sign in listed]
    return sorted({*words, *signs, *(found.span() for found in _digits(text))})


def vocabulary(texts: Iterable[str]) -> frozenset[str]:
    """Give the words of some texts, in lower case."""
    return frozenset(text[slice(*pair)].lower() for text in texts for pair in word_offsets(text))


def keeps_meaning(text: str, edits: list[Edit], known: frozenset[str]) -> bool:
    """Whether edits make no other word of the rows out of one: "form" for "from" would be read as it stands."""
    before = {text[slice(*pair)].lower() for pair in word_offsets(text)}
    edited = apply_edits(text, edits)
    made = {edited[slice(*pair)].lower() for pair in word_offsets(edited)} - before
    # Of Chinese a word is often cut anew around a wrong character, so only longer words tell.
    return not any(word in known and (word.isascii() or len(word) > 1) for word in made)


@functools.cache
def _listed() -> frozenset[str]:
    """The English words, and each Chinese character."""
    written = (files("metier.assurance.behaviour") / "meaning_words.txt").read_text(encoding="utf-8")
    words = [word for line in written.splitlines() if not line.startswith("#") for word in line.split()]
    return frozenset(part for word in words for part in ([word] if word.isascii() else word))
