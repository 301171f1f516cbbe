"""A folder of images as `datasets` knows it: a table `metadata.csv` beside the images, or `train` and `test` folders.

Each part is a folder with a table of its own, whose `file_name` counts from there, or with one sub-folder per label.
What comes out are the names from the whole folder, and the split of each part.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from metier.data.columns.file_names import names_of
from metier.data.columns.image_columns import is_image_name, separated
from metier.data.formats.batches import as_string
from metier.data.formats.data_file import is_data_file
from metier.data.formats.folder import SPLIT_NAMES, labelled_images
from metier.errors import DataError, EmptyDataError, quoted
from metier.figures import count_of

METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
FILE_NAMES = ("file_name", "file_names")


@dataclass(frozen=True)
class ImagePart:
    """One split of a folder of images, or all of it.

    Parameters
    ----------
    folder : Path
    split : str or None
        None where the folder has no splits.
    table : Path or None
        Its metadata; None where its sub-folders are labels.
    """

    folder: Path
    split: str | None
    table: Path | None


def image_parts(folder: Path) -> list[ImagePart]:
    """Give the parts of a folder of images; empty where it has neither metadata nor splits."""
    table = _table_in(folder)
    if table is not None:
        return [ImagePart(folder, None, table)]
    named = [(SPLIT_NAMES.get(path.name.lower()), path) for path in sorted(folder.iterdir()) if path.is_dir()]
    parts = [ImagePart(path, split, _table_in(path)) for split, path in named if split is not None]
    whole = [part for part in parts if part.table is not None or labelled_images(part.folder)]
    if not whole or len(parts) < len(named):
        return []
    _check_each_has_images(parts, whole)
    return whole


def _check_each_has_images(parts: list[ImagePart], whole: list[ImagePart]) -> None:
    """Refuse a split without images or a table beside others that have some."""
    bare = next((part for part in parts if part not in whole), None)
    if bare is not None:
        raise EmptyDataError(
            f"{bare.folder} holds no images in sub-folders, and {whole[0].folder} does. Put one sub-folder per label "
            "into it, or remove the folder."
        )


def _table_in(folder: Path) -> Path | None:
    """Give the table of the images of a folder: its metadata, or what else is alone beside one folder of images."""
    found = next((folder / name for name in METADATA if (folder / name).is_file()), None)
    if found is not None:
        return found
    tables = [path for path in folder.iterdir() if is_data_file(path) and ".txt" not in path.suffixes]
    beside = {path.parent for path in labelled_images(folder)}
    return tables[0] if len(tables) == 1 and len(beside) == 1 else None


def _other_tables(part: ImagePart) -> list[str]:
    """Say which further tables of the images of a part are not read."""
    if part.table is None:
        return []
    others = [name for name in METADATA if name != part.table.name and (part.folder / name).is_file()]
    return [f"{part.folder / name} is left out, as {part.table.name} is read" for name in others]


def _check_names_images(table: pa.Table, part: ImagePart) -> None:
    """Refuse metadata that names no images; raises `DataError`."""
    if part.table is None or part.table.name not in METADATA or not table.num_rows:
        return
    if not any(True for _ in _columns_of_names(table)):
        wanted = next((name for name in FILE_NAMES if name in table.column_names), None)
        found = (
            f"has no column of names of images ({', '.join(table.column_names)})"
            if wanted is None
            else f"has {quoted(table.column(wanted)[0].as_py())} as its first {wanted}, which is no name of an image"
        )
        raise DataError(
            f"{part.table} {found}. Give a column file_name with the names of the images beside it, such as photo.jpg."
        )


def placed(table: pa.Table, part: ImagePart, whole: Path) -> tuple[pa.Table, list[str]]:
    """Give the rows of a part with names that count from the whole folder and with its split, and notes."""
    _check_names_images(table, part)
    prefix, notes, seen = part.folder.relative_to(whole), _other_tables(part), set[str]()
    for name in _columns_of_names(table):
        values = [_moved(value, prefix) for value in table.column(name).to_pylist()]
        seen.update(one for value in values for one in names_of(value))
        stored = pa.array([as_string(value) for value in values], pa.string())
        table = table.set_column(table.column_names.index(name), name, stored)
    if part.split is not None and "split" not in table.column_names:
        table = table.append_column("split", pa.array([part.split] * table.num_rows, pa.string()))
    if part.table is not None:
        images = [path for path in part.folder.rglob("*") if path.is_file() and is_image_name(path.name)]
        unnamed = sum(path.relative_to(whole).as_posix() not in seen for path in images)
        if unnamed:
            notes.append(
                f"{count_of(unnamed, 'image')} in {part.folder} without a row in {part.table.name}: left out"
            )
    return table, notes


def _columns_of_names(table: pa.Table) -> Iterator[str]:
    for name in table.column_names:
        values = table.column(name).drop_null().slice(0, 20).to_pylist()
        is_named = name in FILE_NAMES and pa.types.is_string(table.column(name).type)
        if values and (all(map(is_image_name, values)) or (is_named and any(map(is_image_name, values)))):
            yield name


def _moved(value: Any, prefix: Path) -> Any:
    names = separated(value) or names_of(value)
    moved = [(prefix / name).as_posix() for name in names]
    return moved if len(moved) > 1 else next(iter(moved), None)
