"""Excel workbooks (.xlsx), with the package openpyxl: the first sheet that holds rows."""

import datetime
import io
import itertools
import pkgutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from metier.data.formats.batches import Batches, as_string, tables_of_records
from metier.data.formats.data_file import GZIP_FAULTS, DataFile
from metier.data.formats.header import HEADER_ROWS, is_row
from metier.data.formats.unpacking import check_archive
from metier.errors import DataError, EmptyDataError, MissingExtraError, UnreadableFileError

MOST_ROWS = 1_048_576  # Of a sheet, with the row of names.


def read_excel(file: DataFile, *, header: bool | None, batch_rows: int, keep_types: bool = False) -> Batches:
    """Read a sheet whose first row names the columns; the values of formulas are those that were stored.

    Raises
    ------
    MissingExtraError
        If openpyxl is not installed.
    UnreadableFileError
        If it is no workbook.
    EmptyDataError
        If no sheet holds rows.
    """
    openpyxl = _openpyxl(f"Reading {file.origin}")
    try:
        with file.open() as stream:
            content = io.BytesIO(stream.read())  # In memory, so that no handle stays open while rows are read.
        check_archive(content, packed_bytes=file.path.stat().st_size, origin=file.origin)
        book = openpyxl.load_workbook(content, read_only=True, data_only=True)
    except GZIP_FAULTS:
        raise file.broken_gzip from None
    except UnreadableFileError:
        raise
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise UnreadableFileError(
            f"{file.origin} is a broken workbook ({error}). Save it again as .xlsx, or export the sheet as CSV."
        ) from None
    filled = [sheet for sheet in book.worksheets if next(_rows(sheet), None) is not None]
    if not filled:
        raise EmptyDataError(
            f"{file.origin} has no sheet with rows. Give one whose first row names the columns."
        )
    names, notes, skipped = _names(filled[0], header, file)
    if len(book.worksheets) > 1:
        others = ", ".join(sheet.title for sheet in book.worksheets if sheet is not filled[0])
        notes += (f"{file.origin}: the sheet {filled[0].title} is read, of {len(book.worksheets)} ({others})",)
    records = _records(filled[0], names, skipped)
    return Batches(tables_of_records(records, file=file, batch_rows=batch_rows, keep_types=keep_types), notes)


def _openpyxl(what: str) -> Any:
    if find_spec("openpyxl") is None:
        raise MissingExtraError(what, extra="excel")
    return pkgutil.resolve_name("openpyxl")


def _rows(sheet: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Give the rows that hold something, with their numbers."""
    for number, values in enumerate(sheet.iter_rows(values_only=True), 1):
        if any(value is not None for value in values):
            yield number, values


def _names(sheet: Any, header: bool | None, file: DataFile) -> tuple[list[str], tuple[str, ...], int]:
    """Give the names of the columns, a note, and how many rows hold them."""
    rows = [[as_string(value) or "" for value in row] for _, row in itertools.islice(_rows(sheet), HEADER_ROWS)]
    numbered = [f"column_{position}" for position in range(1, len(rows[0]) + 1)]
    if header is False or (header is None and is_row(rows[0], rows[1:])):
        note = f"{file.origin} has no row that names the columns: they are {', '.join(numbered)}"
        return numbered, (f"{note} (--header/--no-header)",), 0
    names = [name.strip() or other for name, other in zip(rows[0], numbered, strict=True)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UnreadableFileError(f"{file.origin}: two columns are named {twice!r}. Give each its own name.")
    return names, (), 1


def _records(sheet: Any, names: Sequence[str], skipped: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, values in itertools.islice(_rows(sheet), skipped, None):
        yield number, {name: _plain(value) for name, value in zip(names, values, strict=False)}


def _plain(value: Any) -> Any:
    """Give a cell as JSON can hold it: dates and times as ISO 8601 writes them."""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float) else str(value)


class ExcelSheet:
    """Writes rows of plain values to the sheet of a new workbook.

    Raises
    ------
    MissingExtraError
        If openpyxl is not installed.
    """

    def __init__(self, path: Path, names: Sequence[str]):
        self._path, self._names, self._n_rows = path, names, 1
        self._book = _openpyxl("Writing Excel").Workbook(write_only=True)
        self._new_cell = pkgutil.resolve_name("openpyxl.cell:WriteOnlyCell")
        self._sheet = self._book.create_sheet("rows")
        self._sheet.append([self._cell(name) for name in names])

    def write(self, records: Sequence[Sequence[Any]]) -> None:
        """Add rows.

        Raises
        ------
        DataError
            If a sheet cannot hold them: too many rows, or a character that Excel has not.
        """
        self._n_rows += len(records)
        if self._n_rows > MOST_ROWS:
            raise DataError(
                f"A sheet holds {MOST_ROWS:,} rows at most. Write Parquet (.parquet) or CSV instead."
            )
        for record in records:
            try:
                self._sheet.append([self._cell(value) for value in record])
            except ValueError as error:
                raise DataError(
                    f"A sheet cannot hold {record!r:.60} ({error}). Write JSON lines (.jsonl) instead."
                ) from None

    def _cell(self, value: Any) -> Any:
        """Give a value as a cell takes it; a text stays a text where it looks like a formula or an error."""
        if not isinstance(value, str) or not value.startswith(("=", "#")):
            return value
        cell = self._new_cell(self._sheet, value)
        cell.data_type = "s"
        return cell

    def close(self) -> None:
        """Write the file."""
        self._book.save(self._path)
