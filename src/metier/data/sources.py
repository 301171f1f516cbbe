"""From a path to columns: a file is read by its format, a folder by what it holds.

The format of a file is recognised by its name and first bytes (`formats.data_file`). The reader of the format gives batches
of columns (`formats/`); a large file goes through the Arrow cache (`arrow_cache`).
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from metier.data.arrow_cache import cached_copy, map_copy, write_copy
from metier.data.columns.value_faults import ReadOptions
from metier.data.formats.batches import BATCH_ROWS, Batches
from metier.data.formats.conll import read_conll
from metier.data.formats.csv import read_csv
from metier.data.formats.data_file import DataFile, recognise
from metier.data.formats.excel import read_excel
from metier.data.formats.folder import (
    data_files,
    labelled_images,
    labelled_recordings,
    labelled_texts,
    plain_images,
    plain_recordings,
    read_labelled_images,
    read_labelled_recordings,
    read_labelled_texts,
    read_plain_images,
    read_plain_recordings,
    split_of,
)
from metier.data.formats.image_folder import ImagePart, image_parts, placed
from metier.data.formats.json import read_json
from metier.data.formats.lines import is_table, read_lines
from metier.data.formats.parquet import read_parquet, size_in_memory
from metier.errors import DataError
from metier.figures import count_of
from metier.progress import Listener, Progress, ignore

# A larger file is memory-mapped from its Arrow copy.
LARGE_BYTES = 64_000_000
GZIP_RATIO = 4  # Rough compression ratio of text.


def table_of_path(path: Path, options: ReadOptions, listener: Listener) -> tuple[pa.Table, tuple[str, ...]]:
    """Read all of a file or a folder; gives its columns, and notes on what was found and left out."""
    if path.is_dir():
        return _table_of_folder(path, options, listener)
    file = recognise(path, called=options.origin)
    if not _is_large(file):
        batches = _open(file, options, BATCH_ROWS)
        table = _gather(batches.tables)
        return table, (*batches.notes, *batches.late)
    copy = cached_copy(
        file, how=f"{options.encoding} {options.delimiter} {options.repair} {options.header} {options.tags}"
    )
    batches = _open(file, options, BATCH_ROWS)
    if not copy.is_dir():
        write_copy(copy, Batches(_with_progress(batches.tables, file.origin, listener)))
    return map_copy(copy), (*batches.notes, *batches.late)


def _table_of_folder(
    folder: Path, options: ReadOptions, listener: Listener
) -> tuple[pa.Table, tuple[str, ...]]:
    batches = _files_as_rows(folder, options, BATCH_ROWS, listener)
    if batches is not None:
        return _gather(batches.tables), batches.notes
    paths = data_files(folder)
    read_each = [table_of_path(path, options, listener) for path in paths]
    tables = [table for table, _ in read_each]
    _check_same_shape(folder, paths, tables)
    notes = [note for _, each in read_each for note in each]
    notes.append(f"{folder} holds {count_of(len(paths), 'file')}: {', '.join(path.name for path in paths[:6])}")
    splits = [split_of(path) for path in paths]
    if len(paths) > 1 and all(splits) and "split" not in tables[0].column_names:
        tables = [
            table.append_column("split", pa.array([split] * table.num_rows, pa.string()))
            for table, split in zip(tables, splits, strict=True)
        ]
        notes.append("the split of each row is taken from the name of its file")
    return pa.concat_tables(tables, promote_options="default"), tuple(notes)


# Which files of a folder are the rows, each file a row, and how they are read; the first that finds some counts.
_EACH_A_ROW = (
    (labelled_images, read_labelled_images),
    (labelled_recordings, read_labelled_recordings),
    (plain_images, read_plain_images),
    (plain_recordings, read_plain_recordings),
)


def _files_as_rows(folder: Path, options: ReadOptions, batch_rows: int, listener: Listener) -> Batches | None:
    """Read a folder in which texts, images or recordings are the rows; None where it holds data files."""
    if labelled_texts(folder):
        return read_labelled_texts(folder, encoding=options.encoding, batch_rows=batch_rows)
    if parts := image_parts(folder):
        table, notes = _table_of_image_parts(folder, parts, options, listener)
        starts = range(0, max(table.num_rows, 1), batch_rows)
        return Batches((table.slice(start, batch_rows) for start in starts), notes)
    found = (read for files_of, read in _EACH_A_ROW if files_of(folder))
    read = next(found, None)
    return None if read is None else read(folder, batch_rows=batch_rows)


def _table_of_image_parts(
    folder: Path, parts: list[ImagePart], options: ReadOptions, listener: Listener
) -> tuple[pa.Table, tuple[str, ...]]:
    """Read a folder of images with its metadata, or with its splits."""
    tables, notes = [], list[str]()
    for part in parts:
        if part.table is None:
            batches = read_labelled_images(part.folder, batch_rows=BATCH_ROWS)
            table, own = _gather(batches.tables), batches.notes
        else:
            table, own = table_of_path(part.table, options, listener)
        table, left_out = placed(table, part, folder)
        tables.append(table)
        notes += [*own, *left_out]
    if parts[0].split is not None:
        notes.append("the split of each row is taken from the name of its folder")
    _check_same_shape(folder, [part.table or part.folder for part in parts], tables)
    return pa.concat_tables(tables, promote_options="default"), tuple(dict.fromkeys(notes))


def _check_same_shape(folder: Path, paths: list[Path], tables: list[pa.Table]) -> None:
    for path, table in zip(paths, tables, strict=True):
        if set(table.column_names) != set(tables[0].column_names):
            raise DataError(
                f"The files in {folder} have different columns: {paths[0].name} has "
                f"{', '.join(tables[0].column_names)}, "
                f"{path.name} has {', '.join(table.column_names)}. Give one file, or make their columns the "
                "same."
            )


def batches_of_path(path: Path, options: ReadOptions, batch_rows: int) -> Batches:
    """Read a file or a folder in batches, in constant memory."""
    if not path.is_dir():
        return _open(recognise(path, called=options.origin), options, batch_rows)
    batches = _files_as_rows(path, options, batch_rows, ignore)
    if batches is not None:
        return batches
    opened = [_open(recognise(each), options, batch_rows) for each in data_files(path)]
    notes = tuple(note for batches in opened for note in batches.notes)
    return Batches((table for batches in opened for table in batches.tables), notes)


def _open(file: DataFile, options: ReadOptions, batch_rows: int) -> Batches:
    if file.format == "CoNLL":
        return read_conll(
            file,
            encoding=options.encoding,
            repair=options.repair,
            tags=options.tags,
            batch_rows=batch_rows,
        )
    if file.format in ("CSV", "TSV"):
        return _read_table(file, options, batch_rows)
    if file.format in ("JSON", "JSON lines"):
        return read_json(file, encoding=options.encoding, batch_rows=batch_rows, keep_types=options.keep_types)
    if file.format == "Parquet":
        return read_parquet(file, batch_rows=batch_rows)
    if file.format == "Excel":
        return read_excel(file, header=options.header, batch_rows=batch_rows, keep_types=options.keep_types)
    if is_table(file, options.encoding):
        table = _read_table(replace(file, format="TSV"), options, batch_rows)
        return Batches(
            table.tables, (*table.notes, f"every line of {file.origin} has a tab: it is read as a table")
        )
    return read_lines(file, encoding=options.encoding, batch_rows=batch_rows)


def _read_table(file: DataFile, options: ReadOptions, batch_rows: int) -> Batches:
    return read_csv(
        file,
        encoding=options.encoding,
        delimiter=options.delimiter,
        header=options.header,
        batch_rows=batch_rows,
    )


def _with_progress(tables: Iterator[pa.Table], origin: str, listener: Listener) -> Iterator[pa.Table]:
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
