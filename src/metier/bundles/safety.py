"""Which files may lie in a bundle: those that are only data, told by their name and by their first bytes.

A pickle runs whatever its author wrote the moment it is loaded, and a torch archive, a joblib file and an
array of objects are pickles inside. Nothing here loads such a file and nothing else does; it is refused all
the same, because a bundle that carries one was not made by `seal` and should not be handed on. What is
allowed is listed, so a kind of file that nobody thought of is refused too.
"""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from numpy.lib import format as npy

from metier.errors import UnsafeFileError

# Only data: JSON, tensors without code, an ONNX graph, plain text, SentencePiece pieces, NumPy arrays of
# numbers.
ALLOWED = frozenset({".json", ".jsonl", ".safetensors", ".onnx", ".md", ".txt", ".model", ".npy", ".npz"})
MAGIC_BYTES = {
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"PK\x03\x04": "a zip archive, as torch writes its pickles",
    b"\x1f\x8b": "compressed, as joblib writes its pickles",
    b"\x78\x01": "compressed, as joblib writes its pickles",
    b"\x78\x5e": "compressed, as joblib writes its pickles",
    b"\x78\x9c": "compressed, as joblib writes its pickles",
    b"\x78\xda": "compressed, as joblib writes its pickles",
    b"BZh": "compressed, as joblib writes its pickles",
    b"\xfd7zXZ": "compressed, as joblib writes its pickles",
    b"\x5d\x00\x00": "compressed, as joblib writes its pickles",
    b"\x04\x22\x4d\x18": "compressed, as joblib writes its pickles",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"#!": "a program",
    b"\x89HDF": "an HDF5 file, which may hold code",
}


def walk_files(folder: Path) -> Iterator[Path]:
    """Give every file below a folder, sorted, links to files included.

    Raises
    ------
    UnsafeFileError
        If a link leads out of the folder, or to another folder.
    """
    root = folder.resolve()
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*files, *(name for name in folders if Path(place, name).is_symlink())]):
            path = Path(place, name)
            if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(root)):
                raise UnsafeFileError(
                    f"{path} is a link to {str(path.readlink())!r}, which is no file of the bundle. "
                    "Put the file itself there, or remove the link."
                )
            yield path


def check_is_data(path: Path) -> None:
    """Refuse a file that is more than data; only its name, its first bytes and array headers are looked at.

    Raises
    ------
    UnsafeFileError
        If it is, or pretends to be, something that could run code.
    """
    reason = _suspicion(path)
    if reason:
        raise UnsafeFileError(
            f"{path} is {reason}: loading it could run code. Metier neither writes nor loads such files. "
            "Do not open it; take the bundle from a source you trust again, or remove the file and seal anew."
        )


def _suspicion(path: Path) -> str | None:
    if path.suffix.lower() not in ALLOWED:
        return f"a {path.suffix or 'nameless'} file, which is not a kind that a bundle may hold"
    with path.open("rb") as file:
        head = file.read(16)
    if path.suffix.lower() == ".npz":
        return _suspicion_of_archive(path)
    if path.suffix.lower() == ".npy":
        return _suspicion_of_array(path)
    if path.suffix.lower() == ".safetensors" and head[8:9] != b"{":
        return "not the tensors that its name promises"
    return next((what for magic, what in MAGIC_BYTES.items() if head.startswith(magic)), None)


def _suspicion_of_array(path: Path) -> str | None:
    with path.open("rb") as file:
        return _suspicion_of_header(file)


def _suspicion_of_archive(path: Path) -> str | None:
    if not zipfile.is_zipfile(path):
        return "not the arrays that its name promises"
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith(".npy"):
                return f"an archive with {name!r} in it, which is no array"
            with archive.open(name) as file:
                reason = _suspicion_of_header(file)
            if reason:
                return reason
    return None


def _suspicion_of_header(file: IO[bytes]) -> str | None:
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    try:
        _, _, dtype = readers[npy.read_magic(file)](file)
    except (ValueError, KeyError, EOFError):
        return "not the array that its name promises"
    return "an array of Python objects, which is a pickle inside" if dtype.hasobject else None
