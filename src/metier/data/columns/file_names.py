"""Columns whose values name files: where a name leads, and sentences for those that lead nowhere.

Names are kept as they were given, and the folder they count from is kept beside them. Files of a data set stay in its
folder: a path that leads out of it is refused, as nobody expects `../../etc` there. A name that is written as on another
system, with backslashes or blanks around it, is read as the file that is there.
"""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from metier.data.columns.value_faults import FaultError, check_name
from metier.errors import MediaError, MediaLimitError, shortened
from metier.figures import count_of
from metier.media_file import MediaFile, no_name_of_a_file, written_for_windows

FOLDER = b"image_folder"  # Of the field's metadata, which survives whatever picks rows or adds columns.
File = TypeVar("File", bound=MediaFile)


def with_folder(table: pa.Table, name: str, folder: Path | None) -> pa.Table:
    """Give the table with a column that knows its folder; without one paths count from the working folder."""
    index = table.column_names.index(name)
    field = table.schema.field(index)
    kept = {key: value for key, value in (field.metadata or {}).items() if key != FOLDER}
    own = {} if folder is None else {FOLDER: os.fsencode(folder.absolute())}
    return table.set_column(index, field.with_metadata({**kept, **own}), table.column(index))


def folder_of(table: pa.Table, name: str) -> Path | None:
    """Give the folder that the paths of a column count from; None where it is the working folder."""
    found = (table.schema.field(name).metadata or {}).get(FOLDER)
    return None if found is None else Path(os.fsdecode(found))


def is_inside(path: str, folder: Path) -> bool:
    """Whether a path stays in a folder, links not followed."""
    whole = Path(os.path.normpath(folder.absolute() / path))
    return whole.is_relative_to(os.path.normpath(folder.absolute()))


def is_file(path: Path) -> bool:
    """Whether a file is at a path, of whatever length and signs."""
    try:
        return path.is_file()
    except OSError:  # Its name is longer than that of any file.
        return False


def names_of(value: Any) -> list[str]:
    """Give the names of the files of one value: of a list, of a JSON list, or the one that it is; [] for none."""
    if isinstance(value, list):
        return [name for name in value if isinstance(name, str) and name.strip()]
    if not isinstance(value, str) or not value.strip():
        return []
    if value.lstrip().startswith("["):
        try:
            listed = json.loads(value)
        except ValueError:
            return [value]
        if isinstance(listed, list):
            return names_of(listed)
    return [value]


def stored(names: list[str]) -> str | None:
    """Give the names of the files of one row as a column holds them: several as a JSON list."""
    if len(names) < 2:
        return next(iter(names), None)
    return json.dumps(names, ensure_ascii=False)


def with_names_here(table: pa.Table, name: str) -> tuple[pa.Table, str | None]:
    """Give the table with names that are written as elsewhere as the files here are called, and a note where one is."""
    folder, index = folder_of(table, name) or Path(), table.column_names.index(name)
    values, turned, example = table.column(name).to_pylist(), 0, ""
    for position, value in enumerate(values):
        if not isinstance(value, str) or ("\\" not in value and value == value.strip()):
            continue
        names = names_of(value)
        here = [_here(one, folder) for one in names]
        if here != names:
            values[position], turned, example = stored(here), turned + 1, example or here[0]
    if not turned:
        return table, None
    column = pa.chunked_array([pa.array(values, pa.string())])
    note = (
        f"{name}: names in {count_of(turned, 'row')} that are written with \\ or with blanks around them are read as "
        f"the files here, such as {shortened(example)}"
    )
    return table.set_column(index, table.schema.field(index), column), note


def _here(name: str, folder: Path) -> str:
    """Give a name as the file here is called; as it is where none is there."""
    if is_file(folder / name):
        return name
    tried = (name.strip(), name.strip().replace("\\", "/"))
    return next((one for one in tried if is_file(folder / one) and is_inside(one, folder)), name)


def check_file(name: str, file: File, folder: Path | None, look: Callable[[File], Any]) -> None:
    """Look at a file that a row names; raises `FaultError` where it is none that can be used.

    Parameters
    ----------
    folder : Path or None
        The folder that it has to stay in; None: it may lie anywhere.
    look : callable
        Decodes it; raises a `MediaError`.
    """
    called = shortened(name)
    if isinstance(file.source, Path):
        for fault in (no_name_of_a_file(name), written_for_windows(name)):
            if fault is not None and not is_file(file.source):
                raise FaultError(f"{called} cannot be used: {fault.found}.", fault.cure, kind=fault.kind)
        if folder is not None and not is_inside(name, folder):
            raise FaultError(
                f"{called} lies outside {folder.absolute()}.",
                "Put the file into this folder, and give its path from there.",
                kind="that lie outside the folder of the file",
            )
    check_name(name)
    try:
        look(file)
    except MediaLimitError as error:
        raise FaultError(f"{called} cannot be used: {error.fault}.", error.cure, kind=error.kind) from None
    except MediaError as error:
        kind = "that cannot be read"
        raise FaultError(f"{called} cannot be used: {error.fault}.", error.cure, kind=kind) from None


def faults_of(values: Iterable[Any], check: Callable[[Any], Any]) -> dict[int, str]:
    """Give why values lead to no file that can be used, in a clause, by their positions."""
    found: dict[int, str] = {}
    for position, value in enumerate(values):
        try:
            check(value)
        except FaultError as fault:
            found[position] = fault.found.rstrip(".")
    return found
