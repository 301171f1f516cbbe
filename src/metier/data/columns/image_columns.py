"""Columns of images: names of files (`file_names`), one or several a row, or images inside the file of the rows.

A row may have several images: a JSON list of paths, or paths with `|` or `;` between them. They are kept as the JSON
list. Images that lie in the file itself are in `embedded_images`.
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa

from metier.data.columns.embedded_images import bytes_of
from metier.data.columns.file_names import check_file, faults_of, folder_of, names_of, stored
from metier.data.columns.value_faults import FaultError
from metier.figures import count_of
from metier.image.decoding import SUFFIXES
from metier.image.likeness import look_at
from metier.image.picture import Picture
from metier.media_file import DATA_URI

REPAIR = "leaves out the rows of these images"
_ASKED = re.compile(r"[?#]")  # What begins behind the path of an address.
_BETWEEN = re.compile(r"[|;｜；]")


def separated(value: Any) -> list[str] | None:
    """Give the names in a value with `|` or `;` between them; None where it is one name."""
    if not isinstance(value, str) or not _BETWEEN.search(value):
        return None
    pieces = [piece.strip() for piece in _BETWEEN.split(value) if piece.strip()]
    return pieces if len(pieces) > 1 and all(map(is_image_name, pieces)) else None


def several_as_lists(table: pa.Table, name: str) -> tuple[pa.Table, str | None]:
    """Give the table with each value of several images as a JSON list, and a note where there is one."""
    values = table.column(name).to_pylist()
    listed = [separated(value) for value in values]
    named = [
        names_of(value) if pieces is None else pieces for value, pieces in zip(values, listed, strict=True)
    ]
    n_several = sum(len(names) > 1 for names in named)
    if not n_several and not any(isinstance(value, str) and value.lstrip().startswith("[") for value in values):
        return table, None
    lists = [
        value if len(names) == 1 and names[0] == value else stored(names)
        for value, names in zip(values, named, strict=True)
    ]
    index = table.column_names.index(name)
    table = table.set_column(index, table.schema.field(index), pa.chunked_array([pa.array(lists, pa.string())]))
    sign = next(
        (value[len(pieces[0]) :].strip()[0] for value, pieces in zip(values, listed, strict=True) if pieces), ""
    )
    how = f"separated by {sign}" if sign else "as lists"
    rows = count_of(n_several, "row")
    note = f"{name} holds several images in {rows} ({how}): methods take the mean over the images of a row"
    return table, note if n_several else None


def pictures_of(table: pa.Table, name: str) -> list[Picture | None]:
    """Give the picture of each row of a column, with the others of its row; None where it has none."""
    folder, inside = folder_of(table, name) or Path(), bytes_of(table, name)
    values = table.column(name).to_pylist()
    nothing: list[list[bytes | None] | None] = [None] * len(values)
    pairs = zip(values, inside or nothing, strict=True)
    return [_picture_of(value, within or (), folder) for value, within in pairs]


def _picture_of(value: Any, within: Sequence[bytes | None], folder: Path) -> Picture | None:
    names = names_of(value)
    each = [
        Picture(data, called) if data else Picture.of_file(folder / called)
        for called, data in zip(names, [*within, *[None] * len(names)], strict=False)
    ]
    return Picture.of_several(each) if each else None


def image_files(table: pa.Table, name: str) -> list[str]:
    """Give the file of the first image of each row of a column; empty where it has none, or has it inside the table."""
    sources = [None if picture is None else picture.source for picture in pictures_of(table, name)]
    return [str(source) if isinstance(source, Path) else "" for source in sources]


def is_image_name(value: Any) -> bool:
    """Whether a value ends as the name of an image file does, or is a list of such."""
    names = names_of(value)
    if len(names) == 1 and names[0] == value:
        names = separated(value) or names
        return len(names) > 1 or _ends_as_image(names[0].strip())
    return bool(names) and all(map(is_image_name, names))


def _ends_as_image(name: str) -> bool:
    """Whether a name ends as that of an image, or is an address or a data URI of one, which are said to be no files."""
    if name.startswith(DATA_URI):
        return name.startswith(f"{DATA_URI}image/")
    path = _ASKED.split(name)[0] if "://" in name else name
    return PurePath(path).suffix.lower() in SUFFIXES


def check_image(
    value: Any, picture: Picture | None, folder: Path | None, *, may_be_missing: bool = False
) -> str | None:
    """Give the images of a row as they stand; raises `FaultError` where one leads to none that can be decoded."""
    if picture is None:
        if may_be_missing:
            return None
        raise FaultError("no image is named.", "Name one, or leave the row out.", kind="that are missing")
    for name, one in zip(names_of(value), picture.each, strict=True):
        check_file(name, one, folder, look_at)
    return str(value)


def column_faults(table: pa.Table, name: str, *, may_be_missing: bool = False) -> dict[int, str]:
    """Give why values of a column lead to no image, in a clause, by their positions."""
    folder, pairs = (
        folder_of(table, name),
        zip(table.column(name).to_pylist(), pictures_of(table, name), strict=True),
    )
    return faults_of(pairs, lambda pair: check_image(pair[0], pair[1], folder, may_be_missing=may_be_missing))
