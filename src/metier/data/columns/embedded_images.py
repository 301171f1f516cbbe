"""Images inside a file of rows: structures of bytes and a path, as `datasets` writes them, bytes alone, or base64.

The column becomes one of names, as other columns of images are, and the bytes stand in a column of their own beside
it, which the field of the names points to. An image without bytes is a file, at its path.
"""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metier.data.formats.batches import as_string
from metier.figures import count_of
from metier.image.decoding import SUFFIXES
from metier.media_file import DATA_URI, bytes_of_base64

BYTES = b"image_bytes"  # Of the metadata of the column of names: the column of the bytes.
# How the files of formats that are decoded begin, and the ending that a name of theirs gets.
STARTS = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"RIFF", "webp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
)
LONGEST_START = 8
START_BASE64 = 12  # Letters of base64 that hold the longest start.
SAMPLE = 20  # Values looked at.


def unpack_images(table: pa.Table, *, first_row: int = 0) -> tuple[pa.Table, tuple[str, ...]]:
    """Give the table with its columns of embedded images as names with their bytes beside them, and notes."""
    notes = []
    for name in table.column_names:
        column = _decoded(table.column(name))
        if holds_images(column):
            table = _unpacked(table, name, column, first_row)
            notes.append(
                f"{name} holds images inside the file ({count_of(len(column) - column.null_count, 'row')})"
            )
    return table, tuple(notes)


def bytes_of(table: pa.Table, name: str) -> list[list[bytes | None]] | None:
    """Give the bytes of the images of each row of a column of names; None where they are files."""
    column = (table.schema.field(name).metadata or {}).get(BYTES)
    return None if column is None else [own or [] for own in table.column(column.decode()).to_pylist()]


def is_embedded(table: pa.Table, name: str) -> bool:
    """Whether the images of a column of names lie in the file."""
    return BYTES in (table.schema.field(name).metadata or {})


def without_bytes(table: pa.Table) -> pa.Table:
    """Give the table without what only stands beside names of images."""
    beside = {(field.metadata or {}).get(BYTES, b"").decode() for field in table.schema}
    return table.drop_columns([name for name in table.column_names if name in beside])


def holds_images(column: pa.ChunkedArray) -> bool:
    """Whether a column holds the bytes of images, or structures or lists of them."""
    kind = column.type.value_type if _is_list(column.type) else column.type
    is_image = pa.types.is_struct(kind) and {field.name for field in kind} == {"bytes", "path"}
    if not is_image and not _is_binary(kind):
        return False
    values = column.drop_null().slice(0, SAMPLE).to_pylist()
    each = [one for value in values for one in (value if isinstance(value, list) else [value])]
    known = [_is_image(one) for one in each if one is not None and _is_there(one)]
    if is_image and not known:  # Structures that are all empty: every row lacks its image.
        return len(column) > column.null_count
    return bool(known) and sum(known) * 2 >= len(known)


def _is_there(value: Any) -> bool:
    """Whether a structure holds bytes or a path."""
    return not isinstance(value, dict) or bool(value.get("bytes") or value.get("path"))


def _is_image(value: Any) -> bool:
    """Whether a value begins as an image does; without bytes its path says it."""
    data, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
    return bool(_ending(data) if data else Path(path or "").suffix.lower() in SUFFIXES)


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give a column of data URIs or of base64 as structures of bytes and a path; any other as it is."""
    if not _is_string(column.type):
        return column
    known = [_is_base64(value) for value in column.drop_null().slice(0, SAMPLE).to_pylist()]
    if not known or sum(known) * 2 < len(known):
        return column
    values = [_struct(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(values, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))])


def _is_base64(value: str) -> bool:
    """Whether a value is a data URI of an image, or begins as the base64 of one does."""
    return value.startswith(f"{DATA_URI}image/") or bool(_ending(bytes_of_base64(value[:START_BASE64]) or b""))


def _struct(value: str | None) -> dict[str, Any] | None:
    if value is None or not value.strip():
        return None
    data = bytes_of_base64(value) if _is_base64(value) else None
    return {"bytes": data, "path": None if data else value}


def _unpacked(table: pa.Table, name: str, column: pa.ChunkedArray, first_row: int) -> pa.Table:
    free = _free_name(table, name)
    names, inside = list[str | None](), list[pa.Array]()
    for chunk in column.chunks:
        flat, counts = _flat(chunk)
        data = flat.field("bytes") if pa.types.is_struct(flat.type) else flat
        data = data.cast(pa.binary()) if pa.types.is_null(data.type) else data
        inside.append(pa.ListArray.from_arrays(pa.array([0, *np.cumsum(counts)], pa.int32()), data))
        names += _names(flat, data, counts, first_row + len(names) + 1)
    field = pa.field(name, pa.string(), metadata={BYTES: free.encode()})
    table = table.set_column(table.column_names.index(name), field, pa.array(names, pa.string()))
    return table.append_column(free, pa.chunked_array(inside))


def _flat(chunk: pa.Array) -> tuple[pa.Array, list[int]]:
    """Give the images of all rows one after another, the bytes not copied, and how many each row has."""
    if not _is_list(chunk.type):
        held = _held(chunk)
        return chunk.filter(held), [int(one) for one in held.to_pylist()]
    flat = chunk.flatten()
    held = _held(flat)
    lengths = [0 if one is None else int(one) for one in pc.list_value_length(chunk).to_pylist()]
    ends, counted = np.cumsum(lengths), np.concatenate([[0], np.cumsum(held.to_numpy(zero_copy_only=False))])
    return flat.filter(held), (counted[ends] - counted[ends - lengths]).tolist()


def _held(images: pa.Array) -> pa.Array:
    """Whether each of some images has bytes or a path; one with neither is missing."""
    if not pa.types.is_struct(images.type):
        return images.is_valid()
    held = pa.array([False] * len(images))
    for part in (images.field("bytes"), images.field("path")):
        if not pa.types.is_null(part.type):
            held = pc.or_(held, pc.fill_null(pc.greater(pc.binary_length(part), 0), False))
    return pc.and_(images.is_valid(), held)


def _names(flat: pa.Array, data: pa.Array, counts: list[int], first_row: int) -> list[str | None]:
    """Name the images of each row, several as their JSON list: by their paths, or by their row."""
    paths = flat.field("path").to_pylist() if pa.types.is_struct(flat.type) else [None] * len(flat)
    images = zip(paths, pc.binary_slice(data, 0, LONGEST_START).to_pylist(), strict=True)
    names = list[str | None]()
    for row, count in enumerate(counts, first_row):
        called = [
            path or _name_of(start or b"", row, number)
            for number, (path, start) in enumerate(islice(images, count))
        ]
        names.append(as_string(called) if count > 1 else next(iter(called), None))
    return names


def _name_of(start: bytes, row: int, number: int) -> str:
    again = f"-{number + 1}" if number else ""
    return f"row-{row}{again}.{_ending(start) or 'image'}"


def _ending(data: bytes) -> str | None:
    return next((ending for start, ending in STARTS if data.startswith(start)), None)


def _free_name(table: pa.Table, name: str) -> str:
    free = f"{name}_bytes"
    while free in table.column_names:
        free += "_"
    return free


def _is_string(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
