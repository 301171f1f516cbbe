"""CSV and TSV, with the line number of a malformed row.

Python's reader is used in strict mode rather than Arrow's: Arrow's is faster, but it reads an unclosed quote as
text up to the end of the file and cannot give the line on which a row began.
"""

import csv
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa

from metier.data.formats.batches import BATCH_CHARACTERS, Batches
from metier.data.formats.data_file import GZIP_FAULTS, DataFile
from metier.data.formats.encoding import choose_encoding, undecodable_line
from metier.data.formats.header import HEADER_ROWS, is_row
from metier.data.formats.json_value import json_value
from metier.data.formats.line_faults import LineFaults
from metier.errors import BrokenRowError, CallError, EmptyDataError, UnreadableFileError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SAMPLE_ROWS = 200
SAMPLE_CHARACTERS = 200_000
# Longer fields are an unclosed quote that swallows the file. The limit is a setting of the whole process.
MOST_FIELD_CHARACTERS = 64_000_000


@dataclass(frozen=True)
class Layout:
    """How the fields of a file are written.

    Parameters
    ----------
    encoding, delimiter : str
    skipped : int
        Lines before the first row: Excel's `sep=;`.
    names : tuple of str or None
        The names of the columns where no line holds them.
    """

    encoding: str
    delimiter: str
    skipped: int = 0
    names: tuple[str, ...] | None = None


def read_csv(
    file: DataFile,
    *,
    encoding: str | None,
    delimiter: str | None,
    header: bool | None = None,
    batch_rows: int,
) -> Batches:
    """Read a file of delimited fields.

    Parameters
    ----------
    header : bool, optional
        Whether the first line names the columns; None: unless it shows that it is a row.

    Raises
    ------
    BrokenRowError
        While reading, at rows with the wrong number of fields, a quote that is not closed, or undecodable
        bytes.
    EmptyDataError
        While reading, if there is no header.
    """
    layout, notes = find_layout(file, encoding=encoding, delimiter=delimiter)
    names, more = _names_of_columns(file, layout, header)
    return Batches(_tables(file, replace(layout, names=names), batch_rows), (*notes, *more))


def find_layout(
    file: DataFile, *, encoding: str | None = None, delimiter: str | None = None
) -> tuple[Layout, tuple[str, ...]]:
    """Detect what is not given of how fields are written; gives the notes on it, too."""
    if delimiter is not None and len(delimiter := delimiter.replace("\\t", "\t")) != 1:
        raise CallError(
            f"A delimiter is one character, found {delimiter!r}. Name it as in --delimiter ';' or '\\t'."
        )
    csv.field_size_limit(max(csv.field_size_limit(), MOST_FIELD_CHARACTERS))
    encoding, notes = choose_encoding(file, encoding)
    _check_not_json(file, encoding)
    stated = _stated_delimiter(file, encoding)
    skipped = 0 if stated is None else 1
    if delimiter is not None:
        _check_delimits(file, encoding, delimiter, skipped)
    else:
        expected = "\t" if file.format == "TSV" else ","
        delimiter = stated or _detect_delimiter(file, encoding, expected)
        if delimiter != expected:
            called = DELIMITERS.get(delimiter, repr(delimiter))
            notes += (f"{file.origin} is delimited by {called} (--delimiter)",)
    return Layout(encoding, delimiter, skipped), notes


def _names_of_columns(
    file: DataFile, layout: Layout, header: bool | None
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Give the names of the columns where no line holds them, and a note."""
    if header is True:
        return None, ()
    rows = _first_rows(file, layout)
    if not rows or (header is None and not is_row(rows[0], rows[1:])):
        return None, ()
    names = tuple(f"column_{position}" for position in range(1, len(rows[0]) + 1))
    why = "as stated" if header is False else f"as {' | '.join(rows[0])[:60]!r} is a row like the others"
    return names, (
        f"{file.origin} has no line that names the columns, {why}: they are {', '.join(names)} (--header/--no-header)",
    )


def _first_rows(file: DataFile, layout: Layout) -> list[list[str]]:
    """Give the first rows as far as they can be read; reading the rows reports what cannot."""
    rows = []
    with file.open_text(layout.encoding) as stream:
        try:
            lines = itertools.islice(stream, layout.skipped, layout.skipped + HEADER_ROWS)
            for row in csv.reader(lines, delimiter=layout.delimiter):
                if row:
                    rows.append(row)
        except (csv.Error, UnicodeDecodeError, *GZIP_FAULTS):
            pass
    return rows


def _stated_delimiter(file: DataFile, encoding: str) -> str | None:
    """Give the delimiter that Excel states in a line `sep=;` before the names; None without such a line."""
    try:
        with file.open_text(encoding) as stream:
            first = stream.readline(20).strip("\r\n").strip('"')
    except (UnicodeDecodeError, *GZIP_FAULTS):
        return None  # Reading the rows will report the line.
    return first[4] if first[:4].lower() == "sep=" and len(first) == 5 else None


def _check_not_json(file: DataFile, encoding: str) -> None:
    try:
        with file.open_text(encoding) as stream:
            first = stream.readline(SAMPLE_CHARACTERS).strip()
    except (UnicodeDecodeError, *GZIP_FAULTS):
        return  # Reading the rows will report the line.
    if first.startswith(("{", "[")):
        try:
            json_value(first)
        except ValueError:
            return
        raise UnreadableFileError(
            f"{file.stated}, but it holds JSON. {file.renamed('Rename it to end in .jsonl or .json.', 'jsonl')}"
        )


def _check_delimits(file: DataFile, encoding: str, delimiter: str, skipped: int) -> None:
    """Refuse a delimiter that is nowhere in the first line, where another cuts the rows into columns."""
    lines = _first_lines(file, encoding)[skipped:]
    other = _best_delimiter(lines, ",")
    widths = _widths(lines, other) if other is not None else []
    if other in (None, delimiter) or set(_widths(lines, delimiter)) != {1} or set(widths) != {widths[0]}:
        return
    given, found = (DELIMITERS.get(one, repr(one)) for one in (delimiter, other))
    raise CallError(
        f"{file.origin} is delimited by {found}, not by {given}: the first line is {lines[0].strip()[:60]!r}. "
        f"Leave --delimiter and --format out, or name the {found} with --delimiter."
    )


def _first_lines(file: DataFile, encoding: str) -> list[str]:
    """Give the first lines; none where they cannot be read, as reading the rows will report the line."""
    with file.open_text(encoding) as stream:
        try:
            return list(
                itertools.takewhile(bool, (stream.readline(SAMPLE_CHARACTERS) for _ in range(SAMPLE_ROWS)))
            )
        except (UnicodeDecodeError, *GZIP_FAULTS):
            return []


def _detect_delimiter(file: DataFile, encoding: str, expected: str) -> str:
    """Give the delimiter that cuts most of the first rows into as many fields as the header, two or more."""
    return _best_delimiter(_first_lines(file, encoding), expected) or expected


def _best_delimiter(lines: list[str], expected: str) -> str | None:
    scores = {}
    for candidate in DELIMITERS:
        widths = _widths(lines, candidate)
        if widths and widths[0] > 1:
            agreeing = Counter(widths)[widths[0]] / len(widths)
            # A text full of commas may agree by chance, so the file suffix breaks a tie.
            scores[candidate] = (agreeing, candidate == expected, widths[0])
    return max(scores, key=lambda candidate: scores[candidate]) if scores else None


def _widths(lines: list[str], delimiter: str) -> list[int]:
    widths = []
    try:
        for record in csv.reader(lines, delimiter=delimiter):
            if record:
                widths.append(len(record))
    except csv.Error:
        pass  # The rows so far are evidence enough.
    return widths


def _named_columns(records: Iterator[tuple[int, list[str]]], file: DataFile) -> list[str]:
    header = next(records, None)
    if header is None:
        raise EmptyDataError(
            f"{file.origin} has no header line. Give a file whose first line names the columns."
        )
    return _column_names(header[1], file)


def _counted(records: Iterator[tuple[int, list[str]]], faults: LineFaults) -> Iterator[tuple[int, list[str]]]:
    """Give the records; what ends the reading is the last of the faults, where there were others."""
    try:
        yield from records
    except BrokenRowError:
        faults.check()
        raise


def _tables(file: DataFile, layout: Layout, batch_rows: int) -> Iterator[pa.Table]:
    records, faults = _records(file, layout), LineFaults(file.origin)
    names = list(layout.names) if layout.names else _named_columns(records, file)
    kept: list[list[str]] = []
    characters = 0
    for line, record in _counted(records, faults):
        if len(record) != len(names):
            faults.add(line, *_wrong_width(record, names, layout.delimiter))
        if faults.count:
            continue  # The other faults are counted; no row is given any more.
        kept.append(record)
        characters += sum(map(len, record))
        if len(kept) >= batch_rows or characters >= BATCH_CHARACTERS:
            yield _table(names, kept)
            kept, characters = [], 0
    faults.check()
    # A file with only a header still has columns.
    yield _table(names, kept)


def _table(names: list[str], records: list[list[str]]) -> pa.Table:
    columns = zip(*records, strict=True) if records else ([] for _ in names)
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)})


def _records(file: DataFile, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Give each record with the line it begins on; blank lines are skipped."""
    with file.open_text(layout.encoding) as stream:
        for _ in range(layout.skipped):
            stream.readline()
        reader = csv.reader(stream, delimiter=layout.delimiter, strict=True)
        while True:
            line = reader.line_num + 1 + layout.skipped
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise _broken_quotes(file, line, reader.line_num + layout.skipped, str(error)) from None
            except UnicodeDecodeError:
                raise undecodable_line(file, layout.encoding) from None
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


def _wrong_width(record: list[str], names: list[str], delimiter: str) -> tuple[str, str]:
    """Give what was found, and what to do."""
    called = DELIMITERS.get(delimiter, repr(delimiter))
    fields = "1 field" if len(record) == 1 else f"{len(record)} fields"
    return (
        f"found {fields} where the header has {len(names)} ({', '.join(names[:6])}).",
        f'Put a text that contains a {called} in double quotes ("…"), or name the delimiter (--delimiter).',
    )


def _broken_quotes(file: DataFile, line: int, last: int, reason: str) -> BrokenRowError:
    if "field limit" in reason and last <= line:
        return BrokenRowError(
            file.origin,
            line,
            f"a field of this row has more than {MOST_FIELD_CHARACTERS:,} characters.",
            remedy="No text of that length is read: split it into rows.",
        )
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
