"""The weights of a CTranslate2 folder, read without its engine: to convert them, and to see that a file holds nothing else.

`model.bin` has a version, the name and the revision of a model, and then its variables: a name, a shape, a number
format, the bytes; then which variables go by a second name. Layout of version 6, see `Model::load` in CTranslate2's
`src/models/model.cc`.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from metier.errors import BaseModelError
from metier.regular_files import open_regular

VERSION = 6
# Number formats by their codes, with what NumPy calls them; it has no bfloat16, whose bytes are read as they are.
FORMATS = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16, 5: np.uint16}
LONGEST_NAME = 1000


def read_variables(path: Path) -> dict[str, np.ndarray]:
    """Give the arrays of a `model.bin` by their names; one that stands for another is left out.

    Raises
    ------
    BaseModelError
        If the file is of another version, or ends too early.
    """
    try:
        with path.open("rb") as file:
            return {
                name: np.frombuffer(file.read(n_bytes), kind).reshape(shape)
                for name, kind, shape, n_bytes in _variables(file)
            }
    except (struct.error, ValueError, KeyError) as error:
        raise BaseModelError(
            f"{path} cannot be read as weights of CTranslate2, version {VERSION} ({error}). "
            "Install the package it came with again."
        ) from None


def fault_of(path: Path) -> str | None:
    """Give why a file is no whole set of weights and nothing besides, in a clause; None: it is one. No array is read."""
    try:
        with open_regular(path) as file:
            size = file.seek(0, 2)
            file.seek(0)
            for _, kind, shape, n_bytes in _variables(file):
                wanted = int(np.prod(shape, dtype=object)) * np.dtype(kind).itemsize
                if n_bytes != wanted or file.tell() + n_bytes > size:
                    raise ValueError("a variable has other bytes than its shape says")
                file.seek(n_bytes, 1)
            for _ in range(2 * _number(file, "<I")):  # Second names: of which variable, and which.
                _text(file)
            is_over = file.tell() == size
    except (struct.error, ValueError, KeyError) as error:
        return f"no weights of CTranslate2 ({error})"
    return None if is_over else "weights of CTranslate2 with something behind them"


def _variables(file: BinaryIO) -> Iterator[tuple[str, type, list[int], int]]:
    """Name, format, shape and bytes of each variable; the bytes come next, and whoever asks reads or skips them."""
    version = _number(file, "<I")
    if version != VERSION:
        raise ValueError(f"version {version}")
    _text(file)  # What the model is called, and the revision of its layout.
    _number(file, "<I")
    for _ in range(_number(file, "<I")):
        name = _text(file)
        shape = [_number(file, "<I") for _ in range(_number(file, "<B"))]
        kind = FORMATS[_number(file, "<B")]
        yield name, kind, shape, _number(file, "<I")


def _number(file: BinaryIO, form: str) -> int:
    return int(struct.unpack(form, file.read(struct.calcsize(form)))[0])


def _text(file: BinaryIO) -> str:
    """A text: its length, its bytes, and the zero that ends it in C."""
    length = _number(file, "<H")
    if length > LONGEST_NAME:
        raise ValueError(f"a name of {length:,} bytes")
    found = file.read(length)
    if len(found) < length:
        raise ValueError("it ends within a name")
    return found.rstrip(b"\0").decode("utf-8")
