"""Parts of speech of tokens: Chinese by rjieba, which every installation has, English by spaCy where it is installed.

Each token gets a few short marks; what they are called does not matter, as long as training and answering call
them the same.
"""

import functools
import importlib
import threading
from collections.abc import Sequence
from typing import Any

from metier.errors import MissingExtraError, UnknownNameError
from metier.text.parsing import ENGLISH, is_parser_installed
from metier.text.segmentation import has_han

TAGGERS = ("none", "jieba", "spacy")
BLOCK = 20_000  # Characters, or tokens, handed over at once: bounds memory.
# spaCy does not promise that one pipeline may be used by two threads at once.
_lock = threading.Lock()


def parts_of_speech(text: str, offsets: Sequence[tuple[int, int]], *, tagger: str) -> list[tuple[str, ...]]:
    """Give marks for each token of a text.

    Parameters
    ----------
    offsets : sequence of (start, end)
        Tokens, as `text.tokens` gives them.
    tagger : {"none", "jieba", "spacy"}
        `jieba` gives the part of speech of the Chinese word that a token stands in, the word itself, and whether
        the token begins, ends, or is it; nothing for texts without Chinese.

    Raises
    ------
    MissingExtraError
        If spaCy or its English model is not installed.
    """
    if tagger == "jieba":
        return _by_jieba(text, offsets) if has_han(text) else [()] * len(offsets)
    if tagger == "spacy":
        return _by_spacy([text[start:end] for start, end in offsets])
    if tagger != "none":
        raise UnknownNameError("tagger of parts of speech", tagger, known=TAGGERS)
    return [()] * len(offsets)


def check_tagger(tagger: str) -> None:
    """Refuse a tagger that is unknown or not installed."""
    if tagger == "spacy":
        _load_spacy()
    elif tagger not in TAGGERS:
        raise UnknownNameError("tagger of parts of speech", tagger, known=TAGGERS)


def _by_jieba(text: str, offsets: Sequence[tuple[int, int]]) -> list[tuple[str, ...]]:
    import rjieba  # Loads a dictionary of some megabytes; who has no Chinese never pays for it.

    marks: list[tuple[str, ...]] = [()] * len(offsets)
    position, number = 0, 0
    for first in range(0, len(text), BLOCK):
        for word, tag in rjieba.tag(text[first : first + BLOCK]):
            start, end = position, position + len(word)
            position = end
            while number < len(offsets) and offsets[number][0] < end:
                place = ("B" if offsets[number][0] == start else "") + (
                    "E" if offsets[number][1] == end else ""
                )
                marks[number] = (tag, f"{tag}{place or 'M'}", word)
                number += 1
    return marks


def _by_spacy(words: list[str]) -> list[tuple[str, ...]]:
    pipeline = _load_spacy()
    document = importlib.import_module("spacy.tokens").Doc
    marks: list[tuple[str, ...]] = []
    with _lock, pipeline.memory_zone():
        for first in range(0, len(words), BLOCK):
            some = pipeline(document(pipeline.vocab, words=words[first : first + BLOCK]))
            marks += [(token.tag_, token.pos_) for token in some]
    return marks


@functools.cache
def _load_spacy() -> Any:
    if not is_parser_installed():
        raise MissingExtraError(f"Parts of speech by {ENGLISH}", extra="nlp")
    return importlib.import_module(ENGLISH).load(exclude=["parser", "ner", "lemmatizer"])
