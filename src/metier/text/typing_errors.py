"""Errors of people who type: slips on a QWERTY keyboard, and the wrong Han character of the same sound or shape.

Whoever types Chinese picks a character from those that share a sound, so the wrong one mostly sounds right; one
that only looks right comes from handwriting and scanned pages.
"""

import functools
from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from metier.text.edits import Edit, Place, is_free
from metier.text.similar_shapes import similar_shapes
from metier.text.word_edits import free_words

ROWS_OF_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# A slip in a shorter word makes another word of it.
SHORTEST_WORD = 4


def slip_keys(text: str, kept: Sequence[Place], random: np.random.Generator, *, fraction: float) -> list[Edit]:
    """Make one slip in a share of the longer English words: a neighbouring key, two letters turned, one lost or doubled."""
    words = [
        (start, end)
        for start, end in free_words(text, kept)
        if end - start >= SHORTEST_WORD and text[start:end].isascii() and text[start:end].isalpha()
    ]
    if not words:
        return []
    picked = random.permutation(len(words))[: max(1, round(fraction * len(words)))]
    return [_slip(text, words[position], random) for position in picked]


def take_homophones(
    text: str, kept: Sequence[Place], random: np.random.Generator, *, fraction: float
) -> list[Edit]:
    """Take another character of the same sound, its tone included, for a share of the Han characters."""
    return _take_others(text, kept, random, fraction=fraction, others=homophones())


def take_lookalikes(
    text: str, kept: Sequence[Place], random: np.random.Generator, *, fraction: float
) -> list[Edit]:
    """Take another character of like shape for a share of the Han characters."""
    return _take_others(text, kept, random, fraction=fraction, others=similar_shapes())


@functools.cache
def homophones() -> dict[str, str]:
    """Give for each Han character of daily use those that sound the same."""
    written = (files("metier.text") / "homophones.txt").read_text(encoding="utf-8")
    table: dict[str, str] = {}
    for line in written.splitlines():
        if not line.startswith("#"):
            _, group = line.split()
            table |= {character: group.replace(character, "") for character in group}
    return table


@functools.cache
def neighbouring_keys() -> dict[str, str]:
    """Give for each letter the keys around it: beside it, and the two or so it touches above and below."""
    keys = {letter: (x + 0.4 * y, y) for y, row in enumerate(ROWS_OF_KEYS) for x, letter in enumerate(row)}
    return {
        letter: "".join(
            other
            for other, (x, y) in keys.items()
            if other != letter and abs(x - own_x) < 1.1 and abs(y - own_y) <= 1
        )
        for letter, (own_x, own_y) in keys.items()
    }


def _slip(text: str, word: Place, random: np.random.Generator) -> Edit:
    # The first letter stays: readers and typists look at it.
    position = int(random.integers(word[0] + 1, word[1] - 1))
    here, following = text[position], text[position + 1]
    kind = random.integers(4)
    if kind == 0 and here != following:
        return Edit(position, position + 2, following + here)
    if kind == 1:
        return Edit(position, position + 1, "")
    if kind == 2:
        return Edit(position, position + 1, here * 2)
    near = str(random.choice(list(neighbouring_keys()[here.lower()])))
    return Edit(position, position + 1, near.upper() if here.isupper() else near)


def _take_others(
    text: str,
    kept: Sequence[Place],
    random: np.random.Generator,
    *,
    fraction: float,
    others: dict[str, str],
) -> list[Edit]:
    places = [
        position
        for position, character in enumerate(text)
        if character in others and is_free((position, position + 1), kept)
    ]
    if not places:
        return []
    picked = random.permutation(len(places))[: max(1, round(fraction * len(places)))]
    return [
        Edit(places[number], places[number] + 1, str(random.choice(list(others[text[places[number]]]))))
        for number in picked
    ]
