"""Arrays of a safetensors file, mapped read-only: processes that load the same bundle share its pages.

`safetensors` itself gives copies. Here an array is a view of the file, read page by page when it is used. A file may be
replaced meanwhile, as storage does it (written beside and renamed): the mapping keeps the old one.
"""

import json
import mmap
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

LENGTH_BYTES = 8  # Of the number before the header.
METADATA = "__metadata__"
TYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}


def map_arrays(path: Path) -> dict[str, np.ndarray]:
    """Give the arrays of a file; they cannot be written to.

    Raises
    ------
    ValueError
        If it is no safetensors file, holds a type that numpy has not, or an array reaches beyond its end.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    begin = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "little")
    if begin > len(content):
        raise ValueError(f"{path.name} ends within its header.")
    header = json.loads(content[LENGTH_BYTES:begin])
    return {name: _array(content, begin, entry, name) for name, entry in header.items() if name != METADATA}


def _array(content: mmap.mmap, begin: int, entry: dict[str, Any], name: str) -> np.ndarray:
    if entry["dtype"] not in TYPES:
        raise ValueError(
            f"The array {name!r} is of type {entry['dtype']}, which is none of {', '.join(TYPES)}."
        )
    kind, shape = np.dtype(TYPES[entry["dtype"]]), entry["shape"]
    start, end = entry["data_offsets"]
    if start < 0 or begin + end > len(content) or end - start != kind.itemsize * prod(shape):
        raise ValueError(f"The array {name!r} is not where the header of its file says.")
    if not end - start:
        return np.zeros(shape, kind)
    return np.frombuffer(content, kind, count=prod(shape), offset=begin + start).reshape(shape)
