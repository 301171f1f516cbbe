"""From a source to `Rows`: what it is, what it holds, what its columns are for.

The story of a file: its name and first bytes say its format (`data_file`), its format's reader gives batches of
columns (`csv_format`, `json_format`, …), a large file goes through the Arrow cache (`arrow_cache`), and its
columns get their roles (`roles`). What was decided on the way stands in the notes of the rows.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from metier.data.arrow_cache import cached_copy, map_copy, write_copy
from metier.data.batches import BATCH_ROWS, Batches
from metier.data.columns import clean_labels, to_text_column
from metier.data.csv_format import read_csv
from metier.data.data_file import DataFile, recognise
from metier.data.folder import data_files, labelled_texts, read_labelled_texts, split_of
from metier.data.json_format import read_json
from metier.data.lines_format import read_lines
from metier.data.memory import table_of
from metier.data.parquet_format import read_parquet, size_in_memory
from metier.data.roles import infer_roles
from metier.data.rows import Roles, Rows
from metier.errors import DataError, EmptyDataError
from metier.progress import Listener, Progress, ignore

# A larger file is memory-mapped from its Arrow copy.
LARGE_BYTES = 64_000_000
GZIP_RATIO = 4  # What text shrinks to, roughly: the size of a .gz file says little of the rows in it.


def read(
    source: Any,
    *,
    text: str | None = None,
    label: str | None = None,
    group: str | None = None,
    time: str | None = None,
    split: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    listener: Listener = ignore,
) -> Rows:
    """Read rows from wherever they are.

    Parameters
    ----------
    source : path, Rows, DataFrame, Arrow table, list of mappings, list of (text, label), or list of str
        A file of CSV, TSV, JSON, JSON lines, Parquet or text lines, each possibly gzipped; or a folder: of
        data files of one shape, or of one sub-folder a label with one .txt file a text.
    text, label, group, time, split : str, optional
        The column that plays each role; inferred where it is not named. `none` says that no column does.
    encoding, delimiter : str, optional
        Detected where they are not named.
    listener : Listener
        Told how many rows of a large file were read.

    Returns
    -------
    Rows
        Its `notes` say what was detected and inferred, each with the flag that overrules it.

    Raises
    ------
    DataError
        If the file or a row of it cannot be read, or there are no rows with text.
    MissingColumnError
        If a named column is not there.
    """
    given = {"text": text, "label": label, "group": group, "time": time, "split": split}
    if isinstance(source, Rows):
        kept = {
            role: column if given.get(role) is None else given[role]
            for role, column in vars(source.roles).items()
        }
        rows = _with_roles(source.table, kept, origin=source.origin, notes=())
        return Rows(rows.table, rows.roles, origin=source.origin, notes=source.notes)
    if not isinstance(source, str | os.PathLike):
        return _with_roles(table_of(source), given, origin="the rows", notes=())
    table, notes = _table_of_path(Path(source), encoding=encoding, delimiter=delimiter, listener=listener)
    return _with_roles(table, given, origin=str(source), notes=notes)


def read_alike(source: Any, like: Rows, *, encoding: str | None = None, delimiter: str | None = None) -> Rows:
    """Read further rows whose text and label stand in the columns of the same name as those of `like`.

    Raises
    ------
    MissingColumnError
        If they do not have these columns.
    """
    return read(
        source,
        text=like.roles.text,
        label=like.roles.label,
        group="none",
        time="none",
        split="none",
        encoding=encoding,
        delimiter=delimiter,
    )


def iterate(
    source: Any,
    batch_rows: int = BATCH_ROWS,
    *,
    text: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Iterator[Rows]:
    """Read rows a batch at a time, in constant memory, to answer them.

    Only the text column has a role. One JSON list and a .parquet.gz are held whole, for neither can be read
    in parts.

    Raises
    ------
    DataError
        If the source cannot be read, or has no rows.
    MissingColumnError
        If a named column is not there.
    """
    if isinstance(source, str | os.PathLike):
        batches = _batches_of_path(Path(source), encoding=encoding, delimiter=delimiter, batch_rows=batch_rows)
        origin = str(source)
    else:
        rows = source.table if isinstance(source, Rows) else table_of(source)
        text = text or (source.roles.text if isinstance(source, Rows) else None)
        starts = range(0, max(rows.num_rows, 1), batch_rows)
        batches = Batches(rows.slice(start, batch_rows) for start in starts)
        origin = source.origin if isinstance(source, Rows) else "the rows"
    given = {"text": text, "label": "none", "group": "none", "time": "none", "split": "none"}
    notes, found = batches.notes, False
    for table in batches.tables:
        if table.num_rows == 0:
            continue
        roles, inferred = infer_roles(table, given, origin=origin, needs_label=False)
        if not found:
            # The first batch decides for all: the column must not change midway.
            notes, found, given["text"] = (*notes, *inferred), True, roles.text
        yield Rows(to_text_column(table, roles.text), Roles(roles.text), origin=origin, notes=notes)
    if not found:
        raise EmptyDataError(f"{origin} has no rows. Give a file with at least one row.")


def _with_roles(table: pa.Table, given: dict[str, str | None], *, origin: str, notes: tuple[str, ...]) -> Rows:
    if table.num_rows == 0:
        columns = f" under its columns ({', '.join(table.column_names)})" if table.column_names else ""
        raise EmptyDataError(f"{origin} has no rows{columns}. Give at least one row.")
    roles, inferred = infer_roles(table, given, origin=origin)
    table = to_text_column(table, roles.text)
    cleaned: tuple[str, ...] = ()
    if roles.label is not None:
        table, cleaned = clean_labels(table, roles.label)
    rows = Rows(table, roles, origin=origin, notes=(*notes, *inferred, *cleaned))
    if not any(text.strip() for text in rows.texts):
        raise EmptyDataError(
            f"All {len(rows):,} rows of {origin} have an empty {roles.text!r}. Name the text column with "
            "--text."
        )
    return rows


def _table_of_path(
    path: Path, *, encoding: str | None, delimiter: str | None, listener: Listener
) -> tuple[pa.Table, tuple[str, ...]]:
    if path.is_dir():
        return _table_of_folder(path, encoding=encoding, delimiter=delimiter, listener=listener)
    file = recognise(path)
    if not _is_large(file):
        batches = _open(file, encoding=encoding, delimiter=delimiter, batch_rows=BATCH_ROWS)
        return _gather(batches.tables), batches.notes
    place = cached_copy(file, how=f"{encoding} {delimiter}")
    batches = _open(file, encoding=encoding, delimiter=delimiter, batch_rows=BATCH_ROWS)
    if not place.is_dir():
        write_copy(place, Batches(_heard(batches.tables, file.origin, listener)))
    return map_copy(place), batches.notes


def _table_of_folder(
    folder: Path, *, encoding: str | None, delimiter: str | None, listener: Listener
) -> tuple[pa.Table, tuple[str, ...]]:
    if labelled_texts(folder):
        batches = read_labelled_texts(folder, encoding=encoding, batch_rows=BATCH_ROWS)
        return _gather(batches.tables), batches.notes
    paths = data_files(folder)
    how = {"encoding": encoding, "delimiter": delimiter}
    read_each = [_table_of_path(path, **how, listener=listener) for path in paths]
    tables = [table for table, _ in read_each]
    _check_same_shape(folder, paths, tables)
    notes = [note for _, each in read_each for note in each]
    notes.append(f"{folder} holds {len(paths)} files: {', '.join(path.name for path in paths[:6])}")
    splits = [split_of(path) for path in paths]
    if len(paths) > 1 and all(splits) and "split" not in tables[0].column_names:
        tables = [
            table.append_column("split", pa.array([split] * table.num_rows, pa.string()))
            for table, split in zip(tables, splits, strict=True)
        ]
        notes.append("the names of the files say which split their rows belong to")
    return pa.concat_tables(tables, promote_options="default"), tuple(notes)


def _check_same_shape(folder: Path, paths: list[Path], tables: list[pa.Table]) -> None:
    for path, table in zip(paths, tables, strict=True):
        if set(table.column_names) != set(tables[0].column_names):
            raise DataError(
                f"The files in {folder} have different columns: {paths[0].name} has "
                f"{', '.join(tables[0].column_names)}, "
                f"{path.name} has {', '.join(table.column_names)}. Give one file, or make their columns the "
                "same."
            )


def _batches_of_path(path: Path, *, encoding: str | None, delimiter: str | None, batch_rows: int) -> Batches:
    if not path.is_dir():
        return _open(recognise(path), encoding=encoding, delimiter=delimiter, batch_rows=batch_rows)
    if labelled_texts(path):
        return read_labelled_texts(path, encoding=encoding, batch_rows=batch_rows)
    opened = [
        _open(recognise(each), encoding=encoding, delimiter=delimiter, batch_rows=batch_rows)
        for each in data_files(path)
    ]
    notes = tuple(note for batches in opened for note in batches.notes)
    return Batches((table for batches in opened for table in batches.tables), notes)


def _open(file: DataFile, *, encoding: str | None, delimiter: str | None, batch_rows: int) -> Batches:
    if file.format in ("CSV", "TSV"):
        return read_csv(file, encoding=encoding, delimiter=delimiter, batch_rows=batch_rows)
    if file.format in ("JSON", "JSON lines"):
        return read_json(file, encoding=encoding, batch_rows=batch_rows)
    if file.format == "Parquet":
        return read_parquet(file, batch_rows=batch_rows)
    return read_lines(file, encoding=encoding, batch_rows=batch_rows)


def _heard(tables: Iterator[pa.Table], origin: str, listener: Listener) -> Iterator[pa.Table]:
    rows = 0
    for table in tables:
        rows += table.num_rows
        listener(Progress(f"reading {origin}", rows))
        yield table


def _gather(tables: Iterator[pa.Table]) -> pa.Table:
    gathered = list(tables)
    return pa.concat_tables(gathered, promote_options="default") if gathered else pa.table({})


def _is_large(file: DataFile) -> bool:
    if file.format == "Parquet" and not file.gzipped:
        return size_in_memory(file) > LARGE_BYTES
    return file.path.stat().st_size * (GZIP_RATIO if file.gzipped else 1) > LARGE_BYTES
