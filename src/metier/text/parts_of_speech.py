"""Parts of speech of tokens: Chinese with rjieba, a core dependency, English with spaCy where it is installed.

Each token gets a few short tags, the same in training and serving.
"""

import functools
import importlib
import threading
from collections.abc import Sequence
from typing import Any

from metier.errors import MissingExtraError, UnknownNameError
from metier.text.parsing import ENGLISH, is_parser_installed
from metier.text.segmentation import has_han, jieba

TAGGERS = ("none", "jieba", "spacy")
BLOCK = 20_000  # Characters or tokens per call: bounds memory.
# spaCy does not guarantee that one pipeline is thread-safe.
_lock = threading.Lock()


def parts_of_speech(text: str, offsets: Sequence[tuple[int, int]], *, tagger: str) -> list[tuple[str, ...]]:
    """Give tags for each token of a text.

    Parameters
    ----------
    offsets : sequence of (start, end)
        Tokens, as in `text.tokens`.
    tagger : {"none", "jieba", "spacy"}
        `jieba` gives the part of speech of the Chinese word around a token, with the position of the token in the
        word, and the word itself; nothing for texts without Chinese.

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
    marks: list[tuple[str, ...]] = [()] * len(offsets)
    position, number = 0, 0
    for first in range(0, len(text), BLOCK):
        for word, tag in jieba().tag(text[first : first + BLOCK]):
            start, end = position, position + len(word)
            position = end
            while number < len(offsets) and offsets[number][0] < end:
                where = ("B" if offsets[number][0] == start else "") + (
                    "E" if offsets[number][1] == end else ""
                )
                marks[number] = (tag, f"{tag}{where or 'M'}", word)
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
