"""Columns of images: their values are paths as they were given, and the folder they count from is kept beside them.

Files of a data set stay in its folder: a path that leads out of it is refused, as nobody expects `../../etc` there.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from metier.data.columns.value_faults import FaultError
from metier.errors import ImageError, ImageTooLargeError
from metier.image.decoding import SUFFIXES
from metier.image.likeness import look_at

FOLDER = b"image_folder"  # Of the field's metadata, which survives whatever picks rows or adds columns.


def with_folder(table: pa.Table, name: str, folder: Path | None) -> pa.Table:
    """Give the table with a column that knows its folder; without one paths count from the working folder."""
    index = table.column_names.index(name)
    own = {} if folder is None else {FOLDER: os.fsencode(folder.absolute())}
    field = table.schema.field(index).with_metadata(own)
    return table.set_column(index, field, table.column(index))


def folder_of(table: pa.Table, name: str) -> Path | None:
    """Give the folder that the paths of a column count from; None where it is the working folder."""
    found = (table.schema.field(name).metadata or {}).get(FOLDER)
    return None if found is None else Path(os.fsdecode(found))


def image_files(table: pa.Table, name: str) -> list[str]:
    """Give the path of each image of a column; that of a row without one is the folder's."""
    folder = folder_of(table, name) or Path()
    return [str(folder / (value or "")) for value in table.column(name).to_pylist()]


def is_image_name(value: Any) -> bool:
    """Whether a value ends as the name of an image file does."""
    return isinstance(value, str) and Path(value.strip()).suffix.lower() in SUFFIXES


def check_image(value: Any, folder: Path | None) -> str:
    """Give the path of an image as it stands; raises `FaultError` where it leads to no image that can be decoded."""
    if not isinstance(value, str) or not value.strip():
        raise FaultError("no image is named.", "Name one, or leave the row out.", kind="that are missing")
    if folder is not None and not is_inside(value, folder):
        raise FaultError(
            f"{value} lies outside {folder.absolute()}.",
            "Put the image into this folder, and give its path from there.",
            kind="that lie outside the folder of the file",
        )
    try:
        look_at((folder or Path()) / value)
    except ImageTooLargeError as error:
        raise FaultError(
            f"{value} cannot be used: {error.fault}.", error.cure, kind="that are too large"
        ) from None
    except ImageError as error:
        raise FaultError(
            f"{value} cannot be used: {error.fault}.", error.cure, kind="that cannot be read"
        ) from None
    return value


def column_faults(values: Sequence[Any], folder: Path | None) -> dict[int, str]:
    """Give why values lead to no image, in a clause, by their positions."""
    found: dict[int, str] = {}
    for position, value in enumerate(values):
        try:
            check_image(value, folder)
        except FaultError as fault:
            found[position] = fault.found.rstrip(".")
    return found


def is_inside(path: str, folder: Path) -> bool:
    """Whether a path stays in a folder, links not followed."""
    whole = Path(os.path.normpath(folder.absolute() / path))
    return whole.is_relative_to(os.path.normpath(folder.absolute()))
