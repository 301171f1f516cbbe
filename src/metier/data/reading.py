"""From a source to `Rows`.

The format of a file is recognised by its name and first bytes (`data_file`). The reader of the format gives
batches of columns (`formats/`); a large file goes through the Arrow cache (`arrow_cache`). Then columns get their
roles (`roles`) and are parsed into the types of the roles (`column_parsing`). Decisions are recorded in the notes
of the rows.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from metier.arguments import check_is_choice, check_texts, check_whole, texts_of
from metier.data.arrow_cache import cached_copy, map_copy, write_copy
from metier.data.columns import multi_hot
from metier.data.columns.column_parsing import split_conversations, structure
from metier.data.columns.image_columns import folder_of
from metier.data.columns.role_inference import NONE
from metier.data.columns.roles import infer_roles
from metier.data.columns.stored_columns import clean_labels, to_plain_columns
from metier.data.columns.value_faults import FaultLog, ReadOptions
from metier.data.formats.batches import BATCH_ROWS, Batches
from metier.data.formats.conll import read_conll
from metier.data.formats.csv import read_csv
from metier.data.formats.data_file import DataFile, recognise
from metier.data.formats.excel import read_excel
from metier.data.formats.folder import (
    data_files,
    labelled_images,
    labelled_texts,
    read_labelled_images,
    read_labelled_texts,
    split_of,
)
from metier.data.formats.json import read_json
from metier.data.formats.lines import is_table, read_lines
from metier.data.formats.memory import table_of
from metier.data.formats.parquet import read_parquet, size_in_memory
from metier.data.rows import INPUT_ROLES, TARGET_ROLES, Roles, Rows
from metier.errors import DataError, EmptyDataError, UnknownNameError
from metier.figures import count_of
from metier.progress import Listener, Progress, ignore

# A larger file is memory-mapped from its Arrow copy.
LARGE_BYTES = 64_000_000
IN_MEMORY = "the rows"  # What messages call rows that come from no file.
GZIP_RATIO = 4  # Rough compression ratio of text.


def read(
    source: Any,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    separator: str | None = None,
    label_names: Sequence[str] | None = None,
    repair: bool = False,
    faults: FaultLog | None = None,
    origin: str | None = None,
    listener: Listener = ignore,
    **columns: str | None,
) -> Rows:
    """Read rows from a file, a folder or memory.

    Parameters
    ----------
    source : path, Rows, DataFrame, Arrow table, list of mappings, list of (text, label), or list of str
        A file of CSV, TSV, JSON, JSON lines, Parquet, Excel, CoNLL, SQuAD JSON or text lines, each possibly gzipped;
        or a folder: of data files of one shape, or with one sub-folder per label and one .txt file per text or one
        image file per image.
    encoding, delimiter : str, optional
        None: detected.
    header : bool, optional
        Whether the first line of a CSV or TSV file names the columns; None: unless it shows that it is a row.
    separator : str, optional
        Separator between the labels of one row; None: detected; `none`: there is none.
    label_names : sequence of str, optional
        Names of the labels of lists of zeros and ones, in their order; None: `label_0`, `label_1` and so on.
    repair : bool, default=False
        Fix what is safe to fix and note it; otherwise it is an error.
    faults : FaultLog, optional
        Collects faults of values instead of raising the first; rows are then read as with repair.
    origin : str, optional
        What messages call the source; None: its path, and `the rows` for those in memory.
    listener : Listener
        Called with the number of rows read from a large file.
    **columns : str
        The column of each role of `Roles`: `text="message", label="intent"`; None: inferred; `none`: no column
        has the role.

    Returns
    -------
    Rows
        Its `notes` list what was detected and inferred, each with the flag that overrides it.

    Raises
    ------
    DataError
        If the file or a row of it cannot be read, or there are no rows with text.
    MissingColumnError
        If a named column does not exist.
    UnknownNameError
        If there is no such role.
    WrongTypeError
        If an argument is of another type.
    """
    given = _given(columns)
    check_texts(encoding=encoding, delimiter=delimiter, separator=separator, origin=origin)
    check_is_choice(header, "header")
    options = ReadOptions(
        encoding=encoding,
        delimiter=delimiter,
        header=header,
        separator=separator,
        label_names=texts_of(label_names or (), "label_names"),
        tags=given["spans"],
        repair=repair,
        faults=faults,
        origin=origin,
    )
    if isinstance(source, Rows):
        options = replace(options, folder=_image_folder(source))
        kept = {
            role: column if given[role] is None else given[role]
            for role, column in asdict(source.roles).items()
        }
        rows = _with_roles(source.table, kept, options, origin=source.origin, notes=())
        return Rows(
            rows.table, rows.roles, origin=source.origin, notes=source.notes, separator=source.separator
        )
    if not isinstance(source, str | os.PathLike):
        return _with_roles(table_of(source), given, options, origin=origin or IN_MEMORY, notes=())
    options = replace(options, folder=_folder_of(Path(source)))
    table, notes = _table_of_path(Path(source), options, listener)
    return _with_roles(table, given, options, origin=origin or str(source), notes=notes)


def read_alike(
    source: Any,
    like: Rows,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    label_names: Sequence[str] | None = None,
    repair: bool = False,
    faults: FaultLog | None = None,
) -> Rows:
    """Read further rows with the same columns for inputs and targets as `like`.

    Raises
    ------
    MissingColumnError
        If they do not have these columns.
    """
    check_is_choice(header, "header")
    given = {role: column or NONE for role, column in asdict(like.roles).items()}
    given |= {"group": NONE, "time": NONE, "split": NONE}
    known = {label for labels in like.column("labels") for label in labels or ()} if like.roles.labels else ()
    options = ReadOptions(
        encoding=encoding,
        delimiter=delimiter,
        header=False if header is None and _is_unnamed(like) else header,
        separator=like.separator,
        label_names=tuple(label_names or ()),
        tags=like.roles.spans,
        repair=repair,
        known_labels=frozenset(known),
        faults=faults,
    )
    if isinstance(source, Rows):
        options = replace(options, folder=_image_folder(source))
        return _with_roles(source.table, given, options, origin=source.origin, notes=source.notes)
    if not isinstance(source, str | os.PathLike):
        return _with_roles(table_of(source), given, options, origin=IN_MEMORY, notes=())
    options = replace(options, folder=_folder_of(Path(source)))
    table, notes = _table_of_path(Path(source), options, ignore)
    return _with_roles(table, given, options, origin=str(source), notes=notes)


def iterate(
    source: Any,
    batch_rows: int = BATCH_ROWS,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    repair: bool = False,
    origin: str | None = None,
    **columns: str | None,
) -> Iterator[Rows]:
    """Read rows for prediction in batches, in constant memory.

    Only columns of inputs have roles: text, text_pair, question, head, tail, messages and image. One JSON list and a
    .parquet.gz are held in memory, as neither can be read in parts. `origin` is what messages call the source.

    Raises
    ------
    DataError
        If the source cannot be read, or has no rows.
    MissingColumnError
        If a named column does not exist.
    """
    check_texts(encoding=encoding, delimiter=delimiter)
    check_is_choice(header, "header")
    check_whole(batch_rows, "batch_rows", least=1)
    options = ReadOptions(
        encoding=encoding,
        delimiter=delimiter,
        header=header,
        keep_types=True,
        repair=repair,
        origin=origin,
    )
    given = _given(columns) | dict.fromkeys((*TARGET_ROLES, "group", "time", "split"), NONE)
    if isinstance(source, str | os.PathLike):
        # What came through a pipe lies in a temporary file, beside which there are no images.
        options = replace(options, folder=None if origin else _folder_of(Path(source)))
        batches, called = _batches_of_path(Path(source), options, batch_rows), str(source)
    else:
        whole = source.table if isinstance(source, Rows) else table_of(source)
        if isinstance(source, Rows):
            options = replace(options, folder=_image_folder(source))
            given |= {role: given[role] or source.roles.column_of(role) for role in INPUT_ROLES}
        starts = range(0, max(whole.num_rows, 1), batch_rows)
        batches = Batches(whole.slice(start, batch_rows) for start in starts)
        called = source.origin if isinstance(source, Rows) else IN_MEMORY
    origin = origin or called
    notes, first_row = batches.notes, 0
    for table in batches.tables:
        if table.num_rows == 0:
            continue
        rows = _typed(table, given, options, origin=origin, notes=(), needs_label=False, first_row=first_row)
        if not first_row:
            # The roles of the first batch hold for all batches.
            notes = (*notes, *rows.notes)
            given |= {role: rows.roles.column_of(role) or NONE for role in INPUT_ROLES}
        first_row += table.num_rows
        yield Rows(rows.table, rows.roles, origin=origin, notes=notes)
    if not first_row and origin == IN_MEMORY:
        raise EmptyDataError("There are no rows: what was given is empty. Give at least one row.")
    if not first_row:
        raise EmptyDataError(f"{origin} has no rows. Give a file with at least one row.")


def _image_folder(rows: Rows) -> Path | None:
    return None if rows.roles.image is None else folder_of(rows.table, rows.roles.image)


def _folder_of(source: Path) -> Path:
    return source if source.is_dir() else source.parent


def _is_unnamed(rows: Rows) -> bool:
    """Whether the columns were numbered, as no line names them."""
    names = rows.table.column_names
    return len(names) > 1 and names == [f"column_{position}" for position in range(1, len(names) + 1)]


def _given(columns: dict[str, str | None]) -> dict[str, str | None]:
    roles = [field.name for field in fields(Roles)]
    for role in columns:
        if role not in roles:
            raise UnknownNameError("role", role, known=roles)
    check_texts(**columns)
    return {role: columns.get(role) for role in roles}


def _with_roles(
    table: pa.Table, given: dict[str, str | None], options: ReadOptions, *, origin: str, notes: tuple[str, ...]
) -> Rows:
    if table.num_rows == 0:
        if origin == IN_MEMORY:
            raise EmptyDataError("There are no rows: what was given is empty. Give at least one row.")
        columns = f" under its columns ({', '.join(table.column_names)})" if table.column_names else ""
        raise EmptyDataError(f"{origin} has no rows{columns}. Give at least one row.")
    rows = _typed(table, given, options, origin=origin, notes=notes, needs_label=True, first_row=0)
    if not any(text.strip() for text in rows.texts):
        raise EmptyDataError(
            f"All {len(rows):,} rows of {origin} have an empty {rows.roles.text!r}. Name the text column with "
            "--text."
        )
    return rows


def _typed(
    table: pa.Table,
    given: dict[str, str | None],
    options: ReadOptions,
    *,
    origin: str,
    notes: tuple[str, ...],
    needs_label: bool,
    first_row: int,
) -> Rows:
    """Assign roles, named or inferred, and parse the columns into their types."""
    table, plain_notes = to_plain_columns(table)
    table, split_notes = split_conversations(table, given, options, origin=origin, first_row=first_row)
    listed = multi_hot.named_columns(table, given["labels"], known=options.known_labels, origin=origin)
    if listed is not None:
        table = multi_hot.with_labels(table, *listed)
        given = {**given, "labels": listed[1]}
    roles, inferred = infer_roles(table, given, origin=origin, needs_label=needs_label)
    if not roles.targets and all(given[role] is None for role in TARGET_ROLES):
        table, roles, found = _with_label_columns(table, roles)
        inferred = (*inferred, *found)
    structured = structure(
        table, roles, options, origin=origin, first_row=first_row, looks_at_images=needs_label
    )
    table, cleaned = structured.table, tuple[str, ...]()
    if roles.label is not None:
        table, cleaned = clean_labels(table, roles.label)
    all_notes = (*notes, *plain_notes, *split_notes, *inferred, *structured.notes, *cleaned)
    return Rows(table, roles, origin=origin, notes=all_notes, separator=structured.separator)


def _with_label_columns(table: pa.Table, roles: Roles) -> tuple[pa.Table, Roles, tuple[str, ...]]:
    """Where nothing else is the target, take two or more columns of zeros and ones for labels."""
    names = multi_hot.columns_of(table, roles.named.values())
    if not names:
        return table, roles, ()
    column = multi_hot.free_name(table)
    note = (
        f"labels = the columns {', '.join(names)}, which hold 0 and 1 (--role labels=COLUMN,COLUMN for some of them, "
        "--label COLUMN for one)"
    )
    return multi_hot.with_labels(table, names, column), replace(roles, labels=column), (note,)


def _table_of_path(path: Path, options: ReadOptions, listener: Listener) -> tuple[pa.Table, tuple[str, ...]]:
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
    if labelled_texts(folder):
        batches = read_labelled_texts(folder, encoding=options.encoding, batch_rows=BATCH_ROWS)
        return _gather(batches.tables), batches.notes
    if labelled_images(folder):
        batches = read_labelled_images(folder, batch_rows=BATCH_ROWS)
        return _gather(batches.tables), batches.notes
    paths = data_files(folder)
    read_each = [_table_of_path(path, options, listener) for path in paths]
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


def _check_same_shape(folder: Path, paths: list[Path], tables: list[pa.Table]) -> None:
    for path, table in zip(paths, tables, strict=True):
        if set(table.column_names) != set(tables[0].column_names):
            raise DataError(
                f"The files in {folder} have different columns: {paths[0].name} has "
                f"{', '.join(tables[0].column_names)}, "
                f"{path.name} has {', '.join(table.column_names)}. Give one file, or make their columns the "
                "same."
            )


def _batches_of_path(path: Path, options: ReadOptions, batch_rows: int) -> Batches:
    if not path.is_dir():
        return _open(recognise(path, called=options.origin), options, batch_rows)
    if labelled_texts(path):
        return read_labelled_texts(path, encoding=options.encoding, batch_rows=batch_rows)
    if labelled_images(path):
        return read_labelled_images(path, batch_rows=batch_rows)
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
