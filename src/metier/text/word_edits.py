"""Easy data augmentation [1]_: words replaced, swapped, dropped and inserted, in English and Chinese.

Every function gives the edits of one text. Words inside the spans to keep are not touched, so marked spans are
unchanged.

References
----------
.. [1] Wei and Zou, "EDA: Easy data augmentation techniques for boosting performance on text classification tasks",
   2019, arXiv:1901.11196. There synonyms come from WordNet, which has no free package for both languages; here
   they come from a given table, see `metier.transformer.unlabelled.word_neighbours`.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from metier.text.offsets import Edit, Offsets, is_free
from metier.text.segmentation import has_han, word_offsets

# From a word in lower case to its replacements.
Synonyms = Mapping[str, Sequence[str]]


def replace_words(
    text: str, kept: Sequence[Offsets], random: np.random.Generator, *, fraction: float, synonyms: Synonyms
) -> list[Edit]:
    """Replace a share of the words that have synonyms."""
    words = free_words(text, kept)
    known = [word for word in words if synonyms.get(_word(text, word))]
    edits = []
    for start, end in _some(known, random, count=_count(words, fraction)):
        choice = str(random.choice(list(synonyms[_word(text, (start, end))])))
        edits.append(Edit(start, end, _cased_like(choice, text[start:end])))
    return edits


def insert_words(
    text: str, kept: Sequence[Offsets], random: np.random.Generator, *, fraction: float, synonyms: Synonyms
) -> list[Edit]:
    """Insert synonyms of some words before others."""
    words = free_words(text, kept)
    known = [word for word in words if synonyms.get(_word(text, word))]
    if not known:
        return []
    edits = []
    for start, _ in _some(words, random, count=_count(words, fraction)):
        source = known[random.integers(len(known))]
        choice = str(random.choice(list(synonyms[_word(text, source)])))
        edits.append(Edit(start, start, choice if has_han(choice) else f"{choice} "))
    return edits


def swap_words(
    text: str, kept: Sequence[Offsets], random: np.random.Generator, *, fraction: float
) -> list[Edit]:
    """Swap pairs of words."""
    words = free_words(text, kept)
    if len(words) < 2:
        return []
    picked = _some(words, random, count=min(2 * _count(words, fraction), len(words) - len(words) % 2))
    edits = []
    for one, other in zip(picked[::2], picked[1::2], strict=True):
        edits += [Edit(*one, text[slice(*other)]), Edit(*other, text[slice(*one)])]
    return edits


def drop_words(
    text: str, kept: Sequence[Offsets], random: np.random.Generator, *, fraction: float
) -> list[Edit]:
    """Drop a share of the words; at least one stays."""
    words = free_words(text, kept)
    if len(words) < 2:
        return []
    edits = []
    for start, end in _some(words, random, count=min(_count(words, fraction), len(words) - 1)):
        # With the space after the word.
        behind = end + len(text[end:]) - len(text[end:].lstrip(" "))
        edits.append(Edit(start, behind if is_free((start, behind), kept) else end, ""))
    return edits


def free_words(text: str, kept: Sequence[Offsets]) -> list[Offsets]:
    """Give the offsets of the words that may change."""
    return [word for word in word_offsets(text) if is_free(word, kept)]


def _word(text: str, word: Offsets) -> str:
    return text[slice(*word)].lower()


def _count(words: Sequence[Offsets], fraction: float) -> int:
    """Number of words to change: a share, and at least one."""
    return max(1, round(fraction * len(words)))


def _some(words: Sequence[Offsets], random: np.random.Generator, *, count: int) -> list[Offsets]:
    picked = random.permutation(len(words))[:count]
    return [words[position] for position in picked]


def _cased_like(word: str, example: str) -> str:
    if example.isupper() and len(example) > 1:
        return word.upper()
    return word.capitalize() if example[:1].isupper() else word
