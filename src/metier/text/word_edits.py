"""Easy data augmentation [1]_: words replaced, swapped, dropped and put in, English and Chinese alike.

Every function gives the edits of one text; words inside the places that have to stay are never touched, so the
pieces that are marked in a text are still there afterwards.

References
----------
.. [1] Wei and Zou, "EDA: Easy data augmentation techniques for boosting performance on text classification tasks",
   2019, arXiv:1901.11196. There synonyms come from WordNet, which no free package brings for both languages; here
   they are whatever table is handed over, see `metier.text.near_words`.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from metier.text.edits import Edit, Place, is_free
from metier.text.segmentation import has_han, word_places

# From a word in lower case to those that may stand in its place.
Synonyms = Mapping[str, Sequence[str]]


def replace_words(
    text: str, kept: Sequence[Place], random: np.random.Generator, *, fraction: float, synonyms: Synonyms
) -> list[Edit]:
    """Put a synonym in the place of a share of the words that have one."""
    places = free_words(text, kept)
    known = [place for place in places if synonyms.get(_word(text, place))]
    edits = []
    for start, end in _some(known, random, count=_count(places, fraction)):
        choice = str(random.choice(list(synonyms[_word(text, (start, end))])))
        edits.append(Edit(start, end, _cased_like(choice, text[start:end])))
    return edits


def insert_words(
    text: str, kept: Sequence[Place], random: np.random.Generator, *, fraction: float, synonyms: Synonyms
) -> list[Edit]:
    """Put synonyms of some of the words in front of others."""
    places = free_words(text, kept)
    known = [place for place in places if synonyms.get(_word(text, place))]
    if not known:
        return []
    edits = []
    for start, _ in _some(places, random, count=_count(places, fraction)):
        source = known[random.integers(len(known))]
        choice = str(random.choice(list(synonyms[_word(text, source)])))
        edits.append(Edit(start, start, choice if has_han(choice) else f"{choice} "))
    return edits


def swap_words(text: str, kept: Sequence[Place], random: np.random.Generator, *, fraction: float) -> list[Edit]:
    """Let pairs of words change places."""
    places = free_words(text, kept)
    if len(places) < 2:
        return []
    picked = _some(places, random, count=min(2 * _count(places, fraction), len(places) - len(places) % 2))
    edits = []
    for one, other in zip(picked[::2], picked[1::2], strict=True):
        edits += [Edit(*one, text[slice(*other)]), Edit(*other, text[slice(*one)])]
    return edits


def drop_words(text: str, kept: Sequence[Place], random: np.random.Generator, *, fraction: float) -> list[Edit]:
    """Take a share of the words out; one always stays."""
    places = free_words(text, kept)
    if len(places) < 2:
        return []
    edits = []
    for start, end in _some(places, random, count=min(_count(places, fraction), len(places) - 1)):
        # The space behind a word goes with it.
        behind = end + len(text[end:]) - len(text[end:].lstrip(" "))
        edits.append(Edit(start, behind if is_free((start, behind), kept) else end, ""))
    return edits


def free_words(text: str, kept: Sequence[Place]) -> list[Place]:
    """Give the places of the words that may change."""
    return [place for place in word_places(text) if is_free(place, kept)]


def _word(text: str, place: Place) -> str:
    return text[slice(*place)].lower()


def _count(places: Sequence[Place], fraction: float) -> int:
    """How many words change: a share of them, and at least one."""
    return max(1, round(fraction * len(places)))


def _some(places: Sequence[Place], random: np.random.Generator, *, count: int) -> list[Place]:
    picked = random.permutation(len(places))[:count]
    return [places[position] for position in picked]


def _cased_like(word: str, example: str) -> str:
    if example.isupper() and len(example) > 1:
        return word.upper()
    return word.capitalize() if example[:1].isupper() else word
