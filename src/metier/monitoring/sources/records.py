"""Records of a stream of bytes that may still be written: JSON lines, CSV or lines of text, each with its place.

The last line counts once its line end is there, since its writer may be in the middle of it. Without one it counts
where it is a whole JSON object, or where the reader is told that nothing more will come. A line above the limit is
skipped in pieces, so that it never stands in memory.
"""

import csv
import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from metier.monitoring.sources.columns import EXCERPT, too_long

Format = Literal["jsonl", "csv", "txt"]
FORMATS: Mapping[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "txt",
}
BOM = b"\xef\xbb\xbf"
WIDE = (b"\xff\xfe", b"\xfe\xff")
MOST_LINES = 500  # Of one CSV record; more of them are an unclosed quotation mark.
UNCLOSED = "a quotation mark is opened in it and never closed"
PIECE_BYTES = 65_536


@dataclass(frozen=True)
class Layout:
    """How the bytes are to be read.

    Parameters
    ----------
    form : str
    encoding : str
        One in which a line end is the byte 10.
    delimiter : str or None
        Of CSV; None: the most frequent of `, ; tab |` in the header.
    longest_bytes : int
        Of a record.
    """

    form: Format
    encoding: str = "utf-8"
    delimiter: str | None = None
    longest_bytes: int = 1_000_000


@dataclass(frozen=True)
class Record:
    """A record, or why there is none.

    Parameters
    ----------
    values : mapping or None
    fault : str
        A clause; empty where there are values.
    excerpt : str
    line : int
        Its first line, from 1.
    start, end : int
        Bytes.
    next_line : int
        The line after it.
    """

    values: Mapping[str, Any] | None
    fault: str
    excerpt: str
    line: int
    start: int
    end: int
    next_line: int


@dataclass(frozen=True)
class _Line:
    content: bytes  # Its beginning, where it is too long.
    start: int
    end: int
    number: int
    is_ended: bool
    is_long: bool = False


def read_records(
    stream: BinaryIO, layout: Layout, *, offset: int, line: int, is_final: bool
) -> Iterator[Record]:
    """Give the records from a place on, up to the last that is whole.

    Parameters
    ----------
    stream : binary stream that can seek
    offset : int
        Byte where a record starts.
    line : int
        Its number, from 1.
    is_final : bool
        Nothing more will be written, so the last line counts without a line end.
    """
    if layout.form == "csv":
        yield from _csv_records(stream, layout, offset, line, is_final)
        return
    for found in _lines(stream, offset, line, layout.longest_bytes):
        record = _one_line(found, layout)
        if not found.is_ended and not is_final and (layout.form == "txt" or record is None or record.fault):
            return
        if record is not None:
            yield record


def _one_line(line: _Line, layout: Layout) -> Record | None:
    """Give the record of a line of JSON or text; None of an empty line."""
    if line.is_long:
        return _fault([line], too_long(line.end - line.start, layout.longest_bytes))
    try:
        text = _decode(line.content, layout.encoding)
    except UnicodeDecodeError as error:
        return _fault([line], _undecodable(error, layout.encoding))
    if not text.strip():
        return None
    if layout.form == "txt":
        return _record([line], {"text": text.strip()})
    try:
        values = json.loads(text)
    except RecursionError:
        return _fault([line], "it is nested too deeply")
    except ValueError as error:
        # Where a line is cut, the parser names the beginning of the line after it.
        at = min(error.pos, len(text.rstrip())) + 1 if isinstance(error, json.JSONDecodeError) else None
        return _fault([line], "it is not JSON" if at is None else f"it is not JSON at column {at}")
    if not isinstance(values, dict):
        return _fault([line], f"it is {_kind(values)}, expected an object of columns and values")
    return _record([line], values)


def _csv_records(
    stream: BinaryIO, layout: Layout, offset: int, number: int, is_final: bool
) -> Iterator[Record]:
    csv.field_size_limit(max(csv.field_size_limit(), layout.longest_bytes))
    delimiter = layout.delimiter or _delimiter(stream, layout)
    rows = _rows(_lines(stream, 0, 1, layout.longest_bytes), layout, delimiter, is_final)
    head = next((row for row in rows if row.cells is not None), None)
    if head is None or head.cells is None:
        return  # The header is not whole yet.
    header = [name.strip() for name in head.cells]
    end = head.lines[-1]
    if offset < end.end:
        offset, number = end.end, end.number + 1
    for row in _rows(_lines(stream, offset, number, layout.longest_bytes), layout, delimiter, is_final):
        if row.cells is None:
            yield _fault(row.lines, row.fault)
        elif len(row.cells) != len(header):
            found = f"it has {len(row.cells)} cells, and the header has {len(header)}"
            yield _fault(row.lines, found)
        elif [cell.strip() for cell in row.cells] != header:  # The header again: files that were put together.
            yield _record(row.lines, dict(zip(header, row.cells, strict=True)))


@dataclass(frozen=True)
class _Row:
    lines: list[_Line]
    cells: list[str] | None
    fault: str = ""


def _rows(lines: Iterator[_Line], layout: Layout, delimiter: str, is_final: bool) -> Iterator[_Row]:
    """Give the rows of CSV: a line, or several where a quotation mark is open at a line end.

    Where it is never closed, its first line alone is refused, and the others are read again.
    """
    again: deque[_Line] = deque()
    held: list[_Line] = []
    while True:
        line = again.popleft() if again else next(lines, None)
        if line is None or not (line.is_ended or is_final):
            if not held or not is_final:
                return
            row = _Row(held, None, UNCLOSED)
        else:
            held.append(line)
            found = _row(held, layout, delimiter)
            if found is None:
                continue
            row = found
        if row.fault == UNCLOSED:
            again.extendleft(reversed(held[1:]))
            row = _Row(held[:1], None, UNCLOSED)
        held = []
        if row.cells != []:
            yield row


def _row(held: list[_Line], layout: Layout, delimiter: str) -> _Row | None:
    """Give the row of some lines; None where another line belongs to it."""
    if len(held) == 1 and held[0].is_long:
        return _Row(held, None, too_long(held[0].end - held[0].start, layout.longest_bytes))
    if len(held) > 1 and b'"' not in held[-1].content and not held[-1].is_long and len(held) < MOST_LINES:
        return None
    size = held[-1].end - held[0].start
    if len(held) >= MOST_LINES or size > layout.longest_bytes:
        return _Row(held, None, UNCLOSED)
    try:
        text = _decode(b"".join(line.content for line in held), layout.encoding)
    except UnicodeDecodeError as error:
        return _Row(held, None, _undecodable(error, layout.encoding))
    if not text.strip():
        return _Row(held, [])
    cells = _cells(text, delimiter)
    return None if cells is None else _Row(held, cells)


def _cells(text: str, delimiter: str) -> list[str] | None:
    """Give the cells of a row; None where a quotation mark is open at its end."""
    if '"' not in text:
        return text.rstrip("\r\n").split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            return None
    return next(csv.reader([text], delimiter=delimiter))


def _delimiter(stream: BinaryIO, layout: Layout) -> str:
    first = next((line for line in _lines(stream, 0, 1, layout.longest_bytes) if line.content.strip()), None)
    head = b"" if first is None else first.content
    return max(",;\t|", key=lambda mark: head.count(mark.encode()))


def _lines(stream: BinaryIO, offset: int, number: int, longest: int) -> Iterator[_Line]:
    stream.seek(offset)
    while content := stream.readline(longest + 1):
        start, is_ended = offset, content.endswith(b"\n")
        offset += len(content)
        is_long = len(content) > longest and not is_ended
        piece = content
        while is_long and not is_ended and (piece := stream.readline(PIECE_BYTES)):
            offset += len(piece)
            is_ended = piece.endswith(b"\n")
        if start == 0:
            content = content.removeprefix(BOM)
        yield _Line(content[:EXCERPT] if is_long else content, start, offset, number, is_ended, is_long)
        number += 1


def _decode(content: bytes, encoding: str) -> str:
    return content.decode(encoding)


def _undecodable(error: UnicodeDecodeError, encoding: str) -> str:
    byte = error.object[error.start]
    return f"its byte {error.start + 1:,} is 0x{byte:02x}, which is not {encoding} (another encoding is set by: encoding)"


def _record(lines: list[_Line], values: Mapping[str, Any]) -> Record:
    return Record(values, "", "", lines[0].number, lines[0].start, lines[-1].end, lines[-1].number + 1)


def _fault(lines: list[_Line], fault: str) -> Record:
    excerpt = lines[0].content[: 4 * EXCERPT].decode("utf-8", "replace")[:EXCERPT]
    first, last = lines[0], lines[-1]
    return Record(None, fault, excerpt, first.number, first.start, last.end, last.number + 1)


def _kind(value: Any) -> str:
    kinds = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")
