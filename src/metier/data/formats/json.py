"""JSON lines, JSON that is one list of objects, and SQuAD's documents."""

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from metier.data.formats.batches import Batches, tables_of_records
from metier.data.formats.data_file import GZIP_FAULTS, DataFile
from metier.data.formats.encoding import choose_encoding, undecodable_line
from metier.data.formats.json_value import json_value
from metier.data.formats.line_faults import LineFaults
from metier.data.formats.squad import is_squad, squad_records
from metier.errors import BrokenRowError, UnreadableFileError

HEAD_CHARACTERS = 100_000


def read_json(file: DataFile, *, encoding: str | None, batch_rows: int, keep_types: bool = False) -> Batches:
    """Read objects, one per line or all in one list, as the content shows.

    A list is read whole before the first row; JSON lines are read row by row. `keep_types`: see `tables_of_records`.

    Raises
    ------
    BrokenRowError
        While reading, at a line that is not a JSON object.
    UnreadableFileError
        If the content is not JSON at all.
    """
    encoding, notes = choose_encoding(file, encoding)
    first = _first_character(file, encoding)
    if first not in ("[", "{", ""):
        raise UnreadableFileError(
            f"{file.stated}, but it begins with {first!r}, so it is not JSON. "
            + file.renamed("Rename it after its format (.csv, .tsv, .txt).")
        )
    is_list = first == "[" or (first == "{" and not _holds_lines(file, encoding))
    named_list = file.format == "JSON"
    if is_list != named_list and first:
        what = "one JSON list" if is_list else "JSON lines"
        notes += (f"{file.origin} is read as {what}, as its content shows",)
    records = _listed(file, encoding) if is_list else _lined(file, encoding)
    tables = tables_of_records(records, file=file, batch_rows=batch_rows, keep_types=keep_types)
    return Batches(tables, notes)


def _first_character(file: DataFile, encoding: str) -> str:
    try:
        with file.open_text(encoding) as stream:
            return stream.read(HEAD_CHARACTERS).lstrip()[:1]
    except UnicodeDecodeError:
        raise undecodable_line(file, encoding) from None
    except GZIP_FAULTS:
        raise file.broken_gzip from None


def _holds_lines(file: DataFile, encoding: str) -> bool:
    """Whether each line is an object, judging by the first two; `{"data": […]}` alone is one document."""
    with file.open_text(encoding, newline="\n") as stream:
        lines = list(itertools.islice((line for line in stream if line.strip()), 2))
    try:
        value = json_value(lines[0])
    except ValueError:
        return False
    if len(lines) > 1 or not any(isinstance(item, list) for item in value.values()):
        return True
    # One row with spans looks like a document; in a file of lines only SQuAD's is one.
    return file.format == "JSON lines" and not is_squad(value)


def _lined(file: DataFile, encoding: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    faults = LineFaults(file.origin)
    with file.open_text(encoding, newline="\n") as stream:
        try:
            for number, line in enumerate(stream, 1):
                value = _object(line, number, faults) if line.strip() else None
                if value is not None and not faults.count:
                    yield number, value
        except UnicodeDecodeError:
            raise undecodable_line(file, encoding) from None
        except GZIP_FAULTS:
            raise file.broken_gzip from None
    faults.check()


def _object(line: str, number: int, faults: LineFaults) -> Mapping[str, Any] | None:
    """Give the object of a line; None, and a fault, where it holds none."""
    remedy = 'Write each line as one object, as in {"text": "…", "label": "…"}.'
    try:
        value = json_value(line)
    except json.JSONDecodeError as error:
        faults.add(number, f"this is not JSON ({error.msg} at character {error.pos + 1}).", remedy)
        return None
    if not isinstance(value, dict):
        faults.add(number, f"found {_kind(value)} where an object was expected.", remedy)
        return None
    return value


def _listed(file: DataFile, encoding: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        with file.open_text(encoding) as stream:
            values = json_value(stream.read())
    except json.JSONDecodeError as error:
        remedy = "Fix it there, or write one object per line (.jsonl)."
        raise BrokenRowError(
            file.origin, error.lineno, f"this is not JSON ({error.msg}).", remedy=remedy
        ) from None
    except UnicodeDecodeError:
        raise undecodable_line(file, encoding) from None
    except GZIP_FAULTS:
        raise file.broken_gzip from None
    if is_squad(values):
        yield from squad_records(values, file)
        return
    if not isinstance(values, list):
        keys = f" with the keys {', '.join(map(repr, list(values)[:6]))}" if isinstance(values, dict) else ""
        raise UnreadableFileError(
            f"{file.origin} holds {_kind(values)}{keys}; expected a list of objects, one per row. "
            "Save that list alone, or write one object per line (.jsonl)."
        )
    for number, value in enumerate(values, 1):
        if not isinstance(value, dict):
            raise UnreadableFileError(
                f"{file.origin}: item {number} of the list is {_kind(value)}; expected an object "
                'such as {"text": "…", "label": "…"}. Fix that item.'
            )
        yield number, value


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
