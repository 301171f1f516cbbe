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
from metier.data.columns import multi_hot
from metier.data.columns.column_parsing import split_conversations, structure
from metier.data.columns.embedded_images import unpack_images
from metier.data.columns.file_names import folder_of, is_file
from metier.data.columns.patients import with_patients
from metier.data.columns.role_inference import NONE
from metier.data.columns.roles import infer_roles
from metier.data.columns.stored_columns import clean_labels, to_plain_columns
from metier.data.columns.value_faults import FaultLog, ReadOptions
from metier.data.formats.batches import BATCH_ROWS, Batches
from metier.data.formats.memory import table_of
from metier.data.rows import INPUT_ROLES, TARGET_ROLES, Roles, Rows
from metier.data.sources import batches_of_path, table_of_path
from metier.errors import EmptyDataError, UnknownNameError
from metier.figures import count_of
from metier.progress import Listener, ignore

IN_MEMORY = "the rows"  # What messages call rows that come from no file.


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
        or a folder: of data files of one shape, with one sub-folder per label and one .txt file per text, one image
        file per image or one audio file per recording, or with images and DICOM files at any depth, which then have
        no label.
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
        options = replace(options, folder=_files_folder(source))
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
    table, notes = table_of_path(Path(source), options, listener)
    given |= _image_of_folder(Path(source), table, given)
    return _with_roles(table, given, options, origin=origin or str(source), notes=notes)


def read_table(
    path: Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
) -> tuple[pa.Table, tuple[str, ...]]:
    """Read a file as it is, with types of its own and without roles; gives the table and notes on how it was read.

    Raises
    ------
    DataError
        If the file or a row of it cannot be read.
    EmptyDataError
        If it has no rows.
    """
    options = ReadOptions(encoding=encoding, delimiter=delimiter, header=header, keep_types=True)
    table, notes = table_of_path(path, options, ignore)
    if table.num_rows == 0:
        raise EmptyDataError(f"{path} has no rows. Give a file with at least one row.")
    table, plain_notes = to_plain_columns(table)
    return table, (*notes, *plain_notes)


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
    table, options, origin, notes = _table_alike(source, options)
    table, without = _with_both_modalities(table, like, origin)
    return _with_roles(table, given, options, origin=origin, notes=(*notes, *without))


def _table_alike(source: Any, options: ReadOptions) -> tuple[pa.Table, ReadOptions, str, tuple[str, ...]]:
    if isinstance(source, Rows):
        return source.table, replace(options, folder=_files_folder(source)), source.origin, source.notes
    if not isinstance(source, str | os.PathLike):
        return table_of(source), options, IN_MEMORY, ()
    options = replace(options, folder=_folder_of(Path(source)))
    table, notes = table_of_path(Path(source), options, ignore)
    return table, options, str(source), notes


def _with_both_modalities(table: pa.Table, like: Rows, origin: str) -> tuple[pa.Table, tuple[str, ...]]:
    """Give the table with an empty column of texts or of images where rows like it have both and it has one."""
    names = {role: str(like.roles.column_of(role)) for role in ("text", "image")}
    lacking = [role for role, name in names.items() if name not in table.column_names]
    if not (like.has_texts and like.has_images) or len(lacking) != 1:
        return table, ()
    [role] = lacking
    note = f"{origin} has no column {names[role]}: its rows are read without {role}s"
    return table.append_column(names[role], pa.nulls(table.num_rows, pa.string())), (note,)


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

    Only columns of inputs have roles: text, text_pair, question, head, tail, messages, image and audio. One JSON list and a
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
        batches, called = batches_of_path(Path(source), options, batch_rows), str(source)
    else:
        whole = source.table if isinstance(source, Rows) else table_of(source)
        if isinstance(source, Rows):
            options = replace(options, folder=_files_folder(source))
            given |= {role: given[role] or source.roles.column_of(role) for role in INPUT_ROLES}
        starts = range(0, max(whole.num_rows, 1), batch_rows)
        batches = Batches(whole.slice(start, batch_rows) for start in starts)
        called = source.origin if isinstance(source, Rows) else IN_MEMORY
    origin = origin or called
    notes, first_row = batches.notes, 0
    for table in batches.tables:
        if table.num_rows == 0:
            continue
        if options.folder is not None and not first_row:
            given |= _image_of_folder(Path(called), table, given)
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


def _files_folder(rows: Rows) -> Path | None:
    named = rows.roles.image or rows.roles.audio
    return None if named is None else folder_of(rows.table, named)


def _image_of_folder(folder: Path, table: pa.Table, given: dict[str, str | None]) -> dict[str, str | None]:
    """Give the role of the files of a folder of images: many DICOM files are not named as images are."""
    is_alone = "image" in table.column_names and {"image", "label", "split"}.issuperset(table.column_names)
    if given["image"] is not None or not is_alone or not folder.is_dir():
        return {}
    first = next(iter(table.column("image").slice(0, 1).to_pylist()), None)
    return {"image": "image"} if isinstance(first, str) and is_file(folder / first) else {}


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
    if not (rows.has_images and len(rows)) and not any(text.strip() for text in rows.texts):
        raise EmptyDataError(
            f"{origin} has a column {rows.roles.text!r} without any text ({count_of(len(rows), 'row')}). Name the text "
            "column with --text."
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
    table, image_notes = unpack_images(table, first_row=first_row)
    table, split_notes = split_conversations(table, given, options, origin=origin, first_row=first_row)
    listed = multi_hot.named_columns(table, given["labels"], known=options.known_labels, origin=origin)
    if listed is not None:
        table = multi_hot.with_labels(table, *listed)
        given = {**given, "labels": listed[1]}
    roles, inferred = infer_roles(table, given, origin=origin, needs_label=needs_label, folder=options.folder)
    if not roles.targets and all(given[role] is None for role in TARGET_ROLES):
        table, roles, found = _with_label_columns(table, roles)
        inferred = (*inferred, *found)
    structured = structure(
        table, roles, options, origin=origin, first_row=first_row, looks_at_files=needs_label
    )
    table, cleaned = structured.table, tuple[str, ...]()
    if needs_label:
        table, roles, cleaned = with_patients(table, roles, is_refused=given["group"] == NONE)
    if roles.label is not None:
        table, labels_cleaned = clean_labels(table, roles.label)
        cleaned = (*cleaned, *labels_cleaned)
    read_notes = (*notes, *plain_notes, *image_notes, *split_notes)
    all_notes = (*read_notes, *inferred, *structured.notes, *cleaned)
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
