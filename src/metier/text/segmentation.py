"""Segmentation into words and sentences: English by patterns, Chinese by a dictionary, also mixed in one text.

`segment` runs for every text in training and serving, so the common case is one search and one `findall`. The
Chinese dictionary is loaded at the first Han character.
"""

import functools
import re
from collections.abc import Iterator
from types import ModuleType

# CJK ideographs: extension A and the main block, compatibility forms, and the planes of the later extensions.
HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_has_han = re.compile(f"[{HAN}]").search
_runs = re.compile(f"([{HAN}]+)").split
# An apostrophe inside a word belongs to it: "don't" is one word.
_words = re.compile(r"\w+(?:'\w+)*").findall
_find_words = re.compile(r"\w+(?:['’]\w+)*").finditer
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


def has_han(text: str) -> bool:
    """Whether a text holds a Han character."""
    return not text.isascii() and _has_han(text) is not None


def segment(text: str) -> list[str]:
    """Give the words of a text in lower case, in order, without punctuation.

    Runs of Han characters are segmented by rjieba (a dictionary with a hidden Markov model for unknown words);
    everything else is split into runs of letters and digits. A text without either, such as one of emoji, has
    no words.

    Examples
    --------
    >>> segment("I DON'T see card 2!")
    ['i', "don't", 'see', 'card', '2']
    """
    text = text.lower()
    if text.isascii():  # A cheap test that covers most English texts.
        return _words(text)
    text = text.replace("’", "'")
    if _has_han(text) is None:
        return _words(text)
    cut = jieba().cut
    words: list[str] = []
    # `split` with one group alternates: what is not Han, what is Han, what is not, …
    for position, run in enumerate(_runs(text)):
        words.extend(cut(run) if position % 2 else _words(run))
    return words


def word_offsets(text: str) -> list[tuple[int, int]]:
    """Give start and end of each word that `segment` finds, in characters of the text; ends are exclusive.

    Examples
    --------
    >>> word_offsets("I DON'T see card 2!")
    [(0, 1), (2, 7), (8, 11), (12, 16), (17, 18)]
    """
    if not has_han(text):
        return [found.span() for found in _find_words(text)]
    cut, offsets, position = jieba().cut, [], 0
    for number, run in enumerate(_runs(text)):
        if number % 2:
            start = position
            for word in cut(run):
                offsets.append((start, start + len(word)))
                start += len(word)
        else:
            offsets += [(position + found.start(), position + found.end()) for found in _find_words(run)]
        position += len(run)
    return offsets


@functools.cache
def jieba() -> ModuleType:
    """Give the library that segments and tags Chinese."""
    import rjieba  # Unpacks a dictionary for a third of a second, which texts without Chinese do not wait for.

    module: ModuleType = rjieba
    return module


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
