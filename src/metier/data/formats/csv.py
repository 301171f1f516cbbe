"""CSV and TSV, with the line number of a malformed row.

Python's reader is used in strict mode rather than Arrow's: Arrow's is faster, but it reads an unclosed quote as
text up to the end of the file and cannot give the line on which a row began.
"""

import csv
import itertools
import json
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from metier.data.formats.batches import BATCH_CHARACTERS, Batches
from metier.data.formats.data_file import GZIP_FAULTS, DataFile
from metier.data.formats.encoding import choose_encoding, undecodable_line
from metier.errors import BrokenRowError, CallError, EmptyDataError, UnreadableFileError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SAMPLE_ROWS = 200
SAMPLE_CHARACTERS = 200_000
# Longer fields are an unclosed quote that swallows the file. The limit is a setting of the whole process.
MOST_FIELD_CHARACTERS = 64_000_000


def read_csv(file: DataFile, *, encoding: str | None, delimiter: str | None, batch_rows: int) -> Batches:
    """Read a file of delimited fields whose first line names the columns.

    Raises
    ------
    BrokenRowError
        While reading, at a row with the wrong number of fields, a quote that is not closed, or undecodable
        bytes.
    EmptyDataError
        While reading, if there is no header.
    """
    if delimiter is not None and len(delimiter := delimiter.replace("\\t", "\t")) != 1:
        raise CallError(
            f"A delimiter is one character, found {delimiter!r}. Name it as in --delimiter ';' or '\\t'."
        )
    csv.field_size_limit(max(csv.field_size_limit(), MOST_FIELD_CHARACTERS))
    encoding, notes = choose_encoding(file, encoding)
    _check_not_json(file, encoding)
    if delimiter is None:
        expected = "\t" if file.format == "TSV" else ","
        delimiter = _detect_delimiter(file, encoding, expected)
        if delimiter != expected:
            notes += (f"{file.origin} is delimited by {DELIMITERS[delimiter]} (--delimiter)",)
    return Batches(_tables(file, encoding, delimiter, batch_rows), notes)


def _check_not_json(file: DataFile, encoding: str) -> None:
    try:
        with file.open_text(encoding) as stream:
            first = stream.readline(SAMPLE_CHARACTERS).strip()
    except (UnicodeDecodeError, *GZIP_FAULTS):
        return  # Reading the rows will report the line.
    if first.startswith(("{", "[")):
        try:
            json.loads(first)
        except ValueError:
            return
        raise UnreadableFileError(
            f"{file.origin} is named as {file.format}, but it holds JSON. Rename it to end in .jsonl or .json."
        )


def _detect_delimiter(file: DataFile, encoding: str, expected: str) -> str:
    """Give the delimiter that cuts most of the first rows into as many fields as the header, two or more."""
    with file.open_text(encoding) as stream:
        try:
            lines = list(
                itertools.takewhile(bool, (stream.readline(SAMPLE_CHARACTERS) for _ in range(SAMPLE_ROWS)))
            )
        except (UnicodeDecodeError, *GZIP_FAULTS):
            return expected  # Reading the rows will report the line.
    scores = {}
    for candidate in DELIMITERS:
        widths = _widths(lines, candidate)
        if widths and widths[0] > 1:
            agreeing = Counter(widths)[widths[0]] / len(widths)
            # A text full of commas may agree by chance, so the file suffix breaks a tie.
            scores[candidate] = (agreeing, candidate == expected, widths[0])
    return max(scores, key=lambda candidate: scores[candidate]) if scores else expected


def _widths(lines: list[str], delimiter: str) -> list[int]:
    widths = []
    try:
        for record in csv.reader(lines, delimiter=delimiter):
            if record:
                widths.append(len(record))
    except csv.Error:
        pass  # The rows so far are evidence enough.
    return widths


def _tables(file: DataFile, encoding: str, delimiter: str, batch_rows: int) -> Iterator[pa.Table]:
    records = _records(file, encoding, delimiter)
    header = next(records, None)
    if header is None:
        raise EmptyDataError(
            f"{file.origin} has no header line. Give a file whose first line names the columns."
        )
    names = _column_names(header[1], file)
    kept: list[list[str]] = []
    characters = 0
    for line, record in records:
        if len(record) != len(names):
            raise _wrong_width(file, line, record, names, delimiter)
        kept.append(record)
        characters += sum(map(len, record))
        if len(kept) >= batch_rows or characters >= BATCH_CHARACTERS:
            yield _table(names, kept)
            kept, characters = [], 0
    # A file with only a header still has columns.
    yield _table(names, kept)


def _table(names: list[str], records: list[list[str]]) -> pa.Table:
    columns = zip(*records, strict=True) if records else ([] for _ in names)
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})


def _records(file: DataFile, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Give each record with the line it begins on; blank lines are skipped."""
    with file.open_text(encoding) as stream:
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise _broken_quotes(file, line, reader.line_num, str(error)) from None
            except UnicodeDecodeError:
                raise undecodable_line(file, encoding) from None
            except GZIP_FAULTS:
                raise file.broken_gzip from None
            if record:
                yield line, record


def _column_names(header: list[str], file: DataFile) -> list[str]:
    # Spreadsheets and data frames write their row numbers under an empty name.
    names = [name.strip() or f"column_{position}" for position, name in enumerate(header, 1)]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise BrokenRowError(
            file.origin,
            1,
            f"two columns are named {twice[0]!r}.",
            remedy="Give each column its own name.",
        )
    return names


def _wrong_width(
    file: DataFile, line: int, record: list[str], names: list[str], delimiter: str
) -> BrokenRowError:
    called = DELIMITERS.get(delimiter, repr(delimiter))
    fields = "1 field" if len(record) == 1 else f"{len(record)} fields"
    return BrokenRowError(
        file.origin,
        line,
        f"found {fields} where the header has {len(names)} ({', '.join(names[:6])}).",
        remedy=f'Put a text that contains a {called} in double quotes ("…"), or name the delimiter (--delimiter).',
    )


def _broken_quotes(file: DataFile, line: int, last: int, reason: str) -> BrokenRowError:
    if "unexpected end of data" in reason or "field limit" in reason:
        found = "a double quote opens a field in this row and is never closed."
    else:
        reach = f" (the row ends on line {last})" if last > line else ""
        found = f"there is text between a closing quote and the next delimiter{reach}."
    return BrokenRowError(
        file.origin,
        line,
        found,
        remedy='Close the quote, and write a double quote inside a quoted text twice ("").',
    )
