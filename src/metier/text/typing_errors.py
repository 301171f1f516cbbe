"""Typing errors: slips on a QWERTY keyboard, and Han characters replaced by one of the same sound or shape.

Chinese is typed by sound, so most wrong characters are homophones; look-alikes come from handwriting and scans.
"""

import functools
from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from metier.text.edits import Edit, Offsets, is_free
from metier.text.similar_shapes import similar_shapes
from metier.text.word_edits import free_words

ROWS_OF_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# A slip in a shorter word often makes another word.
SHORTEST_WORD = 4


def slip_keys(
    text: str, kept: Sequence[Offsets], random: np.random.Generator, *, fraction: float
) -> list[Edit]:
    """Make one slip in a share of the longer English words: a neighbouring key, or letters swapped, lost or doubled."""
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
    text: str, kept: Sequence[Offsets], random: np.random.Generator, *, fraction: float
) -> list[Edit]:
    """Replace a share of the Han characters by one of the same sound and tone."""
    return _take_others(text, kept, random, fraction=fraction, others=homophones())


def take_lookalikes(
    text: str, kept: Sequence[Offsets], random: np.random.Generator, *, fraction: float
) -> list[Edit]:
    """Replace a share of the Han characters by one of similar shape."""
    return _take_others(text, kept, random, fraction=fraction, others=similar_shapes())


@functools.cache
def homophones() -> dict[str, str]:
    """Give the homophones of each common Han character."""
    written = (files("metier.text") / "homophones.txt").read_text(encoding="utf-8")
    table: dict[str, str] = {}
    for line in written.splitlines():
        if not line.startswith("#"):
            _, group = line.split()
            table |= {character: group.replace(character, "") for character in group}
    return table


@functools.cache
def neighbouring_keys() -> dict[str, str]:
    """Give the neighbouring keys of each letter."""
    keys = {letter: (x + 0.4 * y, y) for y, row in enumerate(ROWS_OF_KEYS) for x, letter in enumerate(row)}
    return {
        letter: "".join(
            other
            for other, (x, y) in keys.items()
            if other != letter and abs(x - own_x) < 1.1 and abs(y - own_y) <= 1
        )
        for letter, (own_x, own_y) in keys.items()
    }


def _slip(text: str, word: Offsets, random: np.random.Generator) -> Edit:
    # Keep the first letter, which is rarely mistyped.
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
    kept: Sequence[Offsets],
    random: np.random.Generator,
    *,
    fraction: float,
    others: dict[str, str],
) -> list[Edit]:
    positions = [
        position
        for position, character in enumerate(text)
        if character in others and is_free((position, position + 1), kept)
    ]
    if not positions:
        return []
    picked = random.permutation(len(positions))[: max(1, round(fraction * len(positions)))]
    return [
        Edit(
            positions[number], positions[number] + 1, str(random.choice(list(others[text[positions[number]]])))
        )
        for number in picked
    ]
