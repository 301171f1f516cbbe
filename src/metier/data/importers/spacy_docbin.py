"""spaCy's DocBin (`.spacy`): texts with entities or categories.

The format is msgpack under zlib, so nothing in it can run code; spaCy itself reads it, from the extra `nlp`.
"""

import importlib.util
import zlib
from pathlib import Path
from typing import Any

from metier.data.formats.unpacking import check_zlib
from metier.data.importers.imported import Imported, span
from metier.errors import MissingExtraError, UnreadableFileError

ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
LEAST_SCORE = 0.5  # Categories are written as 1 or 0.


def is_docbin(path: Path, head: bytes) -> bool:
    """Whether a file looks like a DocBin by its name or its first two bytes."""
    return path.suffix.lower() == ".spacy" or head in ZLIB


def import_docbin(path: Path) -> Imported:
    """Read the documents of a DocBin: categories as labels, entities as spans.

    Raises
    ------
    MissingExtraError
        If spaCy is not installed.
    UnreadableFileError
        If the file is not a DocBin.
    """
    imported = Imported("spaCy DocBin", ())
    docs = _read(path)
    has_cats, has_ents = any(doc.cats for doc in docs), any(doc.ents for doc in docs)
    categories = {id(doc): [name for name, score in doc.cats.items() if score >= LEAST_SCORE] for doc in docs}
    one_each = has_cats and all(len(own) <= 1 for own in categories.values())
    records = []
    for number, doc in enumerate(docs, 1):
        if doc.spans:
            imported.leave_out("groups of spans that may overlap (doc.spans)", number)
        own = categories[id(doc)]
        if one_each and not own and not has_ents:
            imported.leave_out("documents without a category", number)
            continue
        record: dict[str, Any] = {"text": doc.text}
        if has_cats:
            record |= {"label": next(iter(own), None)} if one_each else {"labels": own}
        if has_ents or not has_cats:
            record["spans"] = [span(ent.start_char, ent.end_char, ent.label_, ent.text) for ent in doc.ents]
        records.append(record)
    return imported.put(records)


def _read(path: Path) -> list[Any]:
    if importlib.util.find_spec("spacy") is None:
        raise MissingExtraError("Reading spaCy's DocBin", extra="nlp")
    import spacy  # Takes half a second, and loads torch where that is installed.

    broken = f"{path} is not a DocBin of spaCy, or is broken. Write it again with DocBin.to_disk."
    content = path.read_bytes()
    check_zlib(content, origin=str(path))
    try:
        binary = spacy.tokens.DocBin().from_bytes(content)
        return list(binary.get_docs(spacy.blank("xx").vocab))
    except (ValueError, KeyError, TypeError, AssertionError, zlib.error) as error:
        raise UnreadableFileError(broken) from error
