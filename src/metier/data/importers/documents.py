"""Documents of JSON and JSON lines as numbered objects, and their text."""

import json
from pathlib import Path
from typing import Any

from metier.data.formats.data_file import GZIP_FAULTS, DataFile
from metier.data.formats.encoding import choose_encoding, undecodable_line
from metier.data.formats.json_value import json_value
from metier.data.importers.imported import item_error
from metier.errors import BrokenRowError, EmptyDataError, UnreadableFileError

Numbered = list[tuple[int, dict[str, Any]]]


def text_of(path: Path) -> str:
    """Give the text of a file, in any encoding, gzipped or not."""
    file = DataFile(path, "text", gzipped=path.suffix.lower() == ".gz")
    try:
        encoding, _ = choose_encoding(file)
        with file.open_text(encoding) as stream:
            text = stream.read()
    except UnicodeDecodeError:
        raise undecodable_line(file, "utf-8") from None
    except GZIP_FAULTS:
        raise file.broken_gzip from None
    if not text.strip():
        raise EmptyDataError(f"{path} is empty. Export it again.")
    return text


def objects_of(path: Path) -> Numbered:
    """Give the objects of one JSON list, or of JSON lines, each with its number or line from 1.

    Raises
    ------
    UnreadableFileError
        If it is one JSON value other than a list, or an item is not an object.
    BrokenRowError
        At the line that is not JSON.
    """
    text = text_of(path)
    try:
        value = json_value(text)
    except json.JSONDecodeError as error:
        if text.lstrip()[:1] == "{":
            return _lines(path, text)
        raise BrokenRowError(
            str(path), error.lineno, f"this is not JSON ({error.msg}).", remedy="Export the file again."
        ) from None
    items = [value] if isinstance(value, dict) else value
    if not isinstance(items, list):
        raise UnreadableFileError(f"{path} does not hold a list of objects. Export it again.")
    return [(number, _object(path, number, item, "item")) for number, item in enumerate(items, 1)]


def _lines(path: Path, text: str) -> Numbered:
    objects: Numbered = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json_value(line)
        except json.JSONDecodeError as error:
            raise BrokenRowError(
                str(path),
                number,
                f"this is not JSON ({error.msg}).",
                remedy="Fix the line, or export the file again.",
            ) from None
        objects.append((number, _object(path, number, value, "line")))
    return objects


def _object(path: Path, number: int, value: Any, noun: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise item_error(
            str(path),
            number,
            f"found {type(value).__name__} where an object was expected.",
            "Fix it there.",
            noun=noun,
        )
    return value
