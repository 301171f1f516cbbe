"""Sentence segmentation of English, Chinese and mixed texts."""

import re
from collections.abc import Iterator

from metier.text.segmentation import HAN

# An end mark with closing quotes or brackets. A full stop counts only before a space, so that "3.5" and "a.b" stay
# whole, and not after a single capital or a title ("Dr. Who", "J. Smith"). Chinese abstracts often have Latin full
# stops without a space after them.
_ends = re.compile(
    rf"[。！？!?…]+[”’」』）)\"']*|(?<!\b[A-Z])\.+[”’)\"']*(?=\s|$)|(?<=[{HAN}])[.;]|\n+|；"
).finditer
_ends_in_a_title = re.compile(
    r"\b(?:Mr|Mrs|Ms|Dr|St|Prof|Sr|Jr|vs|Vol|Gen|Col|Lt|Mt|Inc|Ltd|Co|Fig|al)\.$"
).search
LONGEST_SENTENCE = 1_000  # Characters: longer runs (tables, lists) are split, at a space where possible.


def sentence_offsets(text: str, *, longest: int = LONGEST_SENTENCE) -> list[tuple[int, int]]:
    """Give start and end of each sentence, in characters, without surrounding space; ends are exclusive.

    Examples
    --------
    >>> sentence_offsets("It costs 3.5 million. 很好！ Dr. Who left.")
    [(0, 21), (22, 25), (26, 39)]
    """
    found = []
    for start, end in _between_ends(text):
        for first, last in _cut(text, start, end, longest):
            piece = text[first:last]
            if piece.strip():
                found.append((first + len(piece) - len(piece.lstrip()), first + len(piece.rstrip())))
    return found


def _between_ends(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for mark in _ends(text):
        if mark.group().startswith(".") and _ends_in_a_title(text, max(start, mark.end() - 8), mark.end()):
            continue
        yield start, mark.end()
        start = mark.end()
    yield start, len(text)


def _cut(text: str, start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    while end - start > longest:
        space = text.rfind(" ", start + longest // 2, start + longest)
        middle = start + longest if space < 0 else space + 1
        yield start, middle
        start = middle
    yield start, end


def split_sentences(text: str, *, longest: int = LONGEST_SENTENCE) -> list[str]:
    """Give the sentences of a text in order, without surrounding space; none is empty."""
    return [text[start:end] for start, end in sentence_offsets(text, longest=longest)]
