"""Names of persons in English by spaCy's model, where it is installed (the extra `nlp`).

It reads a text in some milliseconds, where the lists take microseconds, and it imports torch where that is installed: a
service that must stay light asks the lists alone.
"""

import functools
import importlib
import re
import threading
from collections.abc import Iterator
from typing import Any

from metier.errors import MissingExtraError
from metier.text.parsing import ENGLISH, is_parser_installed
from metier.text.personal_data.found import PersonalData, found_at
from metier.text.personal_data.name_lists import first_names, last_names

BLOCK = 100_000  # Characters per call: bounds memory.
# A name is made of words with capitals; `6033391` or "visa" is none, whatever the model says.
_words = re.compile(
    r"[A-ZÀ-Þ][A-Za-zÀ-ÿ'’.-]*(?: (?:[A-ZÀ-Þ][A-Za-zÀ-ÿ'’.-]*|de|van|von|der|bin|al|la|le|di|da))*"
).fullmatch
_lock = threading.Lock()


def find_name_by_model(text: str) -> Iterator[PersonalData]:
    """Find names of persons; one word alone has to be on the lists.

    Raises
    ------
    MissingExtraError
        If spaCy or its English model is not installed.
    """
    for first in range(0, len(text), BLOCK):
        for start, end in _people(text[first : first + BLOCK]):
            if _is_name(text[first + start : first + end]):
                yield found_at(text, first + start, first + end, "PERSON", "model")


def _people(text: str) -> list[tuple[int, int]]:
    pipeline = _load()
    with _lock, pipeline.memory_zone():
        found = [(one.start_char, one.end_char) for one in pipeline(text).ents if one.label_ == "PERSON"]
    return [_without_possessive(text, start, end) for start, end in found]


def _without_possessive(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start, end - 2 if piece.endswith(("'s", "’s")) else end


def _is_name(piece: str) -> bool:
    if _words(piece) is None:
        return False
    parts = piece.split()
    return len(parts) > 1 or parts[0] in first_names() or parts[0] in last_names()


@functools.cache
def _load() -> Any:
    if not is_parser_installed():
        raise MissingExtraError("Finding names with spaCy", extra="nlp")
    return importlib.import_module(ENGLISH).load(exclude=["parser", "lemmatizer", "attribute_ruler", "tagger"])
