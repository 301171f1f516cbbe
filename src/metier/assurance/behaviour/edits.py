"""The edits by name: each changes how a text is written and not what it says.

Each gives the edits of one text outside the offsets to keep; none where the text has nothing to change.
"""

import functools
import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from metier.text.offsets import Edit, Offsets, is_free
from metier.text.segmentation import has_han
from metier.text.traditional import to_simplified, to_traditional
from metier.text.typing_errors import slip_keys, take_homophones, take_lookalikes
from metier.text.word_edits import free_words

FRACTION = 0.1  # Of the words or characters, and at least one.
END_MARKS = ".!?。！？"
_WIDE = {ord(sign): chr(ord(sign) + 0xFEE0) for sign in string.digits + string.ascii_letters}

MakeEdits = Callable[[str, Sequence[Offsets], np.random.Generator], list[Edit]]


@dataclass(frozen=True)
class NamedEdit:
    """An edit that an answer should survive.

    Parameters
    ----------
    name : str
    does : str
        What it changes, in words.
    make : callable
        From a text, the offsets to keep and a generator of random numbers to edits.
    touches_numbers : bool
        Whether digits may change; elsewhere they carry meaning.
    keeps_words : bool
        Whether every word stays the word it is, so that no meaning can change with it.
    """

    name: str
    does: str
    make: MakeEdits
    touches_numbers: bool = False
    keeps_words: bool = False


def change_case(text: str, kept: Sequence[Offsets], random: np.random.Generator) -> list[Edit]:
    """Write the words in capitals, or all in lower case where they already are."""
    words = [pair for pair in free_words(text, kept) if text[slice(*pair)].isascii()]
    is_upper = text.isupper()
    changed = [(pair, text[slice(*pair)].lower() if is_upper else text[slice(*pair)].upper()) for pair in words]
    return [Edit(*pair, word) for pair, word in changed if word != text[slice(*pair)]]


def change_end(text: str, kept: Sequence[Offsets], random: np.random.Generator) -> list[Edit]:
    """Leave out the mark at the end, or put one there; a question mark stays, as it asks."""
    end = len(text.rstrip())
    if not end or text[end - 1] in "?？" or not is_free((end - 1, end), kept):
        return []
    if text[end - 1] in END_MARKS:
        return [Edit(end - 1, end, "")]
    return [Edit(end, end, "。" if has_han(text) else ".")]


def add_spaces(text: str, kept: Sequence[Offsets], random: np.random.Generator) -> list[Edit]:
    """Write two spaces for one, and one at the end."""
    places = [place for place, sign in enumerate(text) if sign == " " and is_free((place, place + 1), kept)]
    picked: list[int] = list(random.permutation(len(places))[: max(1, len(places) // 4)]) if places else []
    return [*(Edit(places[n], places[n] + 1, "  ") for n in picked), Edit(len(text), len(text), " ")]


def widen(text: str, kept: Sequence[Offsets], random: np.random.Generator) -> list[Edit]:
    """Write letters and digits in full width, as Chinese keyboards can."""
    if not has_han(text):
        return []
    places = [
        place for place, sign in enumerate(text) if ord(sign) in _WIDE and is_free((place, place + 1), kept)
    ]
    return [Edit(place, place + 1, text[place].translate(_WIDE)) for place in places]


def change_script(text: str, kept: Sequence[Offsets], random: np.random.Generator) -> list[Edit]:
    """Write a text in simplified characters, or in traditional ones where it has none of these."""
    simplified = to_simplified(text)
    other = to_traditional(text) if simplified == text else simplified
    changed = [place for place, (one, two) in enumerate(zip(text, other, strict=True)) if one != two]
    return [Edit(place, place + 1, other[place]) for place in changed if is_free((place, place + 1), kept)]


def change_numbers(text: str, kept: Sequence[Offsets], random: np.random.Generator) -> list[Edit]:
    """Write other digits in numbers of two digits and more, the first never 0."""
    edits = []
    for start, end in free_words(text, kept):
        word = text[start:end]
        if len(word) > 1 and word.isascii() and word.isdigit():
            digits = [str(random.integers(1, 10)), *(str(random.integers(10)) for _ in word[1:])]
            edits.append(Edit(start, end, "".join(digits)))
    return [edit for edit in edits if edit.text != text[edit.start : edit.end]]


def change_names(text: str, kept: Sequence[Offsets], random: np.random.Generator) -> list[Edit]:
    """Write other given names of the same language and list."""
    edits: list[Edit] = []
    for group in _names():
        for name in group:
            others = [one for one in group if one != name]
            for found in _written(name).finditer(text):
                if is_free(found.span(), [*kept, *((edit.start, edit.end) for edit in edits)]):
                    edits.append(Edit(*found.span(), str(random.choice(others))))
    return edits


@functools.cache
def _written(name: str) -> re.Pattern[str]:
    """A name where it stands alone: Mark is none in Markets."""
    return re.compile(rf"(?<![A-Za-z]){name}(?![A-Za-z])" if name.isascii() else name)


@functools.cache
def _names() -> tuple[tuple[str, ...], ...]:
    written = (files("metier.assurance.behaviour") / "names.txt").read_text(encoding="utf-8")
    return tuple(tuple(line.split()) for line in written.splitlines() if not line.startswith("#"))


EDITS = (
    NamedEdit(
        "typos",
        "one slip of the keys in a tenth of the longer English words",
        functools.partial(slip_keys, fraction=FRACTION),
    ),
    NamedEdit("case", "all words in capitals", change_case, keeps_words=True),
    NamedEdit("punctuation", "the mark at the end left out, or put there", change_end, keeps_words=True),
    NamedEdit("spaces", "spaces doubled, and one at the end", add_spaces, keeps_words=True),
    NamedEdit("names", "other given names", change_names),
    NamedEdit("numbers", "other digits in numbers", change_numbers, touches_numbers=True),
    NamedEdit(
        "homophones",
        "a tenth of the Chinese characters by others of the same sound",
        functools.partial(take_homophones, fraction=FRACTION),
    ),
    NamedEdit(
        "shapes",
        "a tenth of the Chinese characters by others of similar shape",
        functools.partial(take_lookalikes, fraction=FRACTION),
    ),
    NamedEdit(
        "script", "Chinese in traditional characters, or in simplified ones", change_script, keeps_words=True
    ),
    NamedEdit("full_width", "letters and digits in Chinese texts in full width", widen, keeps_words=True),
)
