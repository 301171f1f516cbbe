"""Write rows to a file in batches; the file is either complete or not there."""

import contextlib
import csv
import gzip
import io
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, cast

import pyarrow as pa
import pyarrow.parquet as pq

from metier.data.formats.batches import as_string, given_values
from metier.data.formats.conll_lines import conll_lines
from metier.data.formats.data_file import FORMATS
from metier.data.formats.excel import ExcelSheet
from metier.data.output_files import held_output, output_errors
from metier.errors import CallError, DataError
from metier.storage import partial_file

# The full-width signs too: spreadsheets set to Chinese or Japanese may read them as the others.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
GROUP_ROWS, GROUP_BYTES = 65_536, 16_000_000  # Of a row group of Parquet, whichever comes first.
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


class Form(Protocol):
    """A file of one format that is being written."""

    def write(self, table: pa.Table) -> None:
        """Write some rows."""
        ...

    def close(self) -> None:
        """Write what a file of the format ends with."""
        ...


# Given the path, the columns, and whether this is the whole file or its first part: what begins a file, such as the
# names of the columns, is written there alone.
FormBuilder = Callable[[Path, pa.Schema, bool], Form]


class TableWriter:
    """Writes tables of one schema to a file; made by `open_writer`.

    Rows go to a hidden file beside it, which is renamed when everything was written. If anything fails, that file is
    removed and an existing file is unchanged. One process at a time writes a file.
    """

    def __init__(self, path: Path, build: FormBuilder, *, overwrite: bool):
        self.path = path
        self._build = build
        self._overwrite = overwrite
        self._form: Form | None = None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Begin to write.

        Raises
        ------
        CallError
            If something else than a file is at the path, or a file that must stay.
        InUseError
            If another process writes the file.
        StorageError
            If the folder is missing or read-only.
        """
        with self._storage_errors(), contextlib.ExitStack() as opened:
            opened.enter_context(held_output(self.path, overwrite=self._overwrite))
            self._partial = opened.enter_context(partial_file(self.path))
            self._open = opened.pop_all()
        return self

    def write(self, table: pa.Table) -> None:
        """Write some rows.

        Raises
        ------
        StorageError
            If the write fails.
        DataError
            If there is a column that the first rows did not have, and the format cannot take it.
        """
        with self._storage_errors():
            if self._form is None:
                self._form = self._build(self._partial, table.schema, True)
            self._form.write(table)

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with self._storage_errors():
                    self._close()
            else:
                # Report the first failure; closing a file on a full disk fails again.
                with contextlib.suppress(OSError, pa.ArrowException):
                    self._close()
        except BaseException:
            self._open.__exit__(*sys.exc_info())
            raise
        with self._storage_errors():
            self._open.__exit__(kind, failure, trace)

    def _close(self) -> None:
        form, self._form = self._form, None
        if form is not None:
            form.close()

    def _storage_errors(self) -> contextlib.AbstractContextManager[None]:
        return output_errors(self.path)


def open_writer(
    path: str | os.PathLike[str],
    *,
    text: str = "text",
    spans: str = "spans",
    encoding: str = "utf-8",
    delimiter: str | None = None,
    safe_cells: bool = False,
    overwrite: bool = True,
) -> TableWriter:
    """Open a file to write rows to, in the format of its suffix. Use it with `with`.

    CSV, TSV and Excel hold strings and numbers; columns of lists or objects need JSON lines or Parquet. CoNLL holds
    texts with spans, and nothing else of a row.

    Parameters
    ----------
    path : path
        Ends in .csv, .tsv, .jsonl, .ndjson, .conll, .parquet or .xlsx, and then .gz to compress (not the last two,
        which are compressed themselves).
    text, spans : str
        The columns for CoNLL.
    encoding, delimiter : str, optional
        Of CSV and TSV. Default: UTF-8, and a comma or a tab.
    safe_cells : bool, default=False
        Of CSV and TSV: put an apostrophe before texts that a spreadsheet would take for formulas. In Excel a text is
        always written as a text.
    overwrite : bool, default=True
        Whether a file that is at the path may be replaced.

    Raises
    ------
    CallError
        If no format has that suffix, or cells are to be safe in one that needs it not.
    """
    build = form_builder(
        Path(path), text=text, spans=spans, encoding=encoding, delimiter=delimiter, safe_cells=safe_cells
    )
    return TableWriter(Path(path), build, overwrite=overwrite)


def kind_of_file(path: Path) -> str | None:
    """Give the format that a path's ending names, with `.gz` or without; None where there is none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    own = suffixes[-2:-1] if suffixes[-1:] == [".gz"] else suffixes[-1:]
    return FORMATS.get(own[0]) if own else None


def form_builder(
    path: Path,
    *,
    text: str = "text",
    spans: str = "spans",
    encoding: str = "utf-8",
    delimiter: str | None = None,
    safe_cells: bool = False,
) -> FormBuilder:
    """Give what begins a file of the format that a path's ending names; takes and raises what `open_writer` does."""
    gzipped, kind = path.suffix.lower() == ".gz", kind_of_file(path)
    if safe_cells and kind not in ("CSV", "TSV", "Excel"):
        raise CallError(
            f"Only spreadsheets take cells for formulas, and {path} is not for them. Leave --safe-csv out, or write CSV."
        )
    if kind == "Parquet" and not gzipped:
        return lambda partial, schema, is_first: _Parquet(partial, schema)
    if kind in ("CSV", "TSV"):
        sign = delimiter or ("," if kind == "CSV" else "\t")

        def begin(partial: Path, schema: pa.Schema, is_first: bool) -> Form:
            _check_flat(schema, "CSV and TSV")
            return _Csv(_TextFile(partial, gzipped, encoding), schema, sign, safe_cells, has_names=is_first)

        return begin
    if kind == "JSON lines":
        return lambda partial, schema, is_first: _JsonLines(partial, gzipped)
    if kind == "Excel" and not gzipped:
        return lambda partial, schema, is_first: _Excel(partial, schema)
    if kind == "CoNLL":
        return lambda partial, schema, is_first: _Conll(partial, schema, gzipped, text, spans)
    raise CallError(
        f"{path} does not end in a format that can be written. "
        "End it in .csv, .tsv, .jsonl, .conll, .parquet or .xlsx; add .gz to the first four to compress."
    )


def _aligned(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give the table with the columns of the first rows; missing columns are null."""
    late = [name for name in table.column_names if name not in schema.names]
    if late:
        raise DataError(
            f"The column {late[0]!r} is missing in the first rows, which are already written. "
            "Write JSON lines instead (.jsonl), where rows may differ in columns."
        )
    columns = [
        table.column(field.name).cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


class _TextFile:
    """A text file, gzipped or not; closes all its handles."""

    def __init__(self, path: Path, gzipped: bool, encoding: str = "utf-8"):
        self._raw = path.open("wb")
        # No name and no time in the gzip header: equal rows give equal files.
        binary = gzip.GzipFile("", "wb", 6, self._raw, 0) if gzipped else self._raw
        self.text = io.TextIOWrapper(cast(Any, binary), encoding=encoding, newline="")

    def close(self) -> None:
        try:
            self.text.close()
        finally:
            self._raw.close()


class _Csv:
    def __init__(
        self, file: _TextFile, schema: pa.Schema, delimiter: str, safe_cells: bool, *, has_names: bool
    ):
        self._file = file
        self._schema = schema
        self._safe_cells = safe_cells
        self._plain = csv.writer(self._file.text, delimiter=delimiter, lineterminator="\n")
        # Python quotes a field with the line end it writes, but not one with a bare carriage return.
        self._quoted = csv.writer(
            self._file.text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL
        )
        if has_names:
            self._write_record([str(name) for name in schema.names])

    def write(self, table: pa.Table) -> None:
        columns = _aligned(table, self._schema).columns
        strings = [[as_string(value) or "" for value in column.to_pylist()] for column in columns]
        for record in zip(*strings, strict=True):
            self._write_record(record)

    def _write_record(self, record: Sequence[str]) -> None:
        if self._safe_cells:
            record = [f"'{value}" if is_formula(value) else value for value in record]
        writer = self._quoted if any("\r" in value for value in record) else self._plain
        writer.writerow(record)

    def close(self) -> None:
        self._file.close()


def is_formula(value: str) -> bool:
    """Whether a spreadsheet may take a cell for a formula: by its first character, unless it is a number."""
    return value.startswith(FORMULA_STARTS) and NUMBER.fullmatch(value) is None


def _check_flat(schema: pa.Schema, what: str) -> None:
    nested = [field.name for field in schema if pa.types.is_nested(field.type)]
    if nested:
        raise CallError(
            f"{what} cannot hold lists or objects, as in {', '.join(map(repr, nested))}. "
            "Write JSON lines (.jsonl) or Parquet (.parquet) instead."
        )


class _Excel:
    def __init__(self, path: Path, schema: pa.Schema):
        _check_flat(schema, "Excel")
        self._schema = schema
        self._sheet = ExcelSheet(path, [str(name) for name in schema.names])

    def write(self, table: pa.Table) -> None:
        columns = [column.to_pylist() for column in _aligned(table, self._schema).columns]
        self._sheet.write(list(zip(*columns, strict=True)))

    def close(self) -> None:
        self._sheet.close()


class _JsonLines:
    def __init__(self, path: Path, gzipped: bool):
        self._file = _TextFile(path, gzipped)

    def write(self, table: pa.Table) -> None:
        for record in _as_given(table):
            self._file.text.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")

    def close(self) -> None:
        self._file.close()


def _as_given(table: pa.Table) -> list[dict[str, Any]]:
    """Give the records with the numbers and lists that a JSON file held in columns that were read as text."""
    records: list[dict[str, Any]] = table.to_pylist()
    for field in table.schema:
        values = given_values(field, len(records))
        if values is not None:
            for record, value in zip(records, values, strict=True):
                record[field.name] = value
    return records


class _Conll:
    def __init__(self, path: Path, schema: pa.Schema, gzipped: bool, text: str, spans: str):
        for name in (text, spans):
            if name not in schema.names:
                raise CallError(
                    f"CoNLL holds texts with spans, but there is no column {name!r}; there are: "
                    f"{', '.join(schema.names)}. Write JSON lines (.jsonl) instead."
                )
        self._names = (text, spans, "tokens")
        self._file = _TextFile(path, gzipped)
        self._row = 0

    def write(self, table: pa.Table) -> None:
        columns = [
            table.column(name).to_pylist() if name in table.column_names else [None] * table.num_rows
            for name in self._names
        ]
        for text, spans, tokens in zip(*columns, strict=True):
            self._row += 1
            lines = list(conll_lines(text or "", spans or (), tokens))
            if not lines:
                raise DataError(
                    f"Row {self._row} has no text, so it would be missing in CoNLL and shift the rows after it. "
                    "Remove it, or write JSON lines (.jsonl)."
                )
            self._file.text.write("\n".join(lines) + "\n\n")

    def close(self) -> None:
        self._file.close()


class _Parquet:
    """Row groups of some size: one for each batch would cost readers a search through the file."""

    def __init__(self, path: Path, schema: pa.Schema):
        self._schema = plain_schema(schema)
        self._writer = pq.ParquetWriter(path, self._schema)
        self._held: list[pa.Table] = []

    def write(self, table: pa.Table) -> None:
        self._held.append(_aligned(table, self._schema))
        rows = sum(held.num_rows for held in self._held)
        if rows >= GROUP_ROWS or sum(held.nbytes for held in self._held) >= GROUP_BYTES:
            self._write_held()

    def _write_held(self) -> None:
        held, self._held = self._held, []
        if held:
            self._writer.write_table(pa.concat_tables(held))

    def close(self) -> None:
        try:
            self._write_held()
        finally:
            self._writer.close()


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Give the columns without what was noted of their values."""
    return pa.schema([field.remove_metadata() for field in schema])
