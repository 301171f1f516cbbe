"""Which files are allowed in a bundle: data only, checked by name and first bytes.

A pickle can run arbitrary code when it is loaded, and torch archives, joblib files and arrays of objects contain
pickles. Metier never loads such files; a bundle with one is refused anyway, because `seal` did not make it and it
should not be passed on. Allowed kinds are listed, so unknown kinds are refused too.
"""

import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from numpy.lib import format as npy

from metier.errors import BundleError, UnsafeFileError
from metier.predictors.onnx.external_data import check_no_external_data
from metier.regular_files import check_regular, open_regular
from metier.speech.ctranslate2_file import fault_of

# Data only: JSON, tensors without code, an ONNX graph, plain text, SentencePiece pieces, NumPy arrays of
# numbers. A .bin is mostly a pickle of torch; one that holds weights of CTranslate2 from end to end is data.
ALLOWED = frozenset(
    {".json", ".jsonl", ".safetensors", ".onnx", ".md", ".txt", ".model", ".npy", ".npz", ".bin"}
)
MAGIC_BYTES = {
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"PK\x03\x04": "a zip archive, the format of torch pickles",
    b"\x1f\x8b": "compressed, the format of joblib pickles",
    b"\x78\x01": "compressed, the format of joblib pickles",
    b"\x78\x5e": "compressed, the format of joblib pickles",
    b"\x78\x9c": "compressed, the format of joblib pickles",
    b"\x78\xda": "compressed, the format of joblib pickles",
    b"BZh": "compressed, the format of joblib pickles",
    b"\xfd7zXZ": "compressed, the format of joblib pickles",
    b"\x5d\x00\x00": "compressed, the format of joblib pickles",
    b"\x04\x22\x4d\x18": "compressed, the format of joblib pickles",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"#!": "a program",
    b"\x89HDF": "an HDF5 file, which may hold code",
}
# What `seal` writes before it is renamed, or was killed at. It is no part of the bundle, and nothing opens it.
UNFINISHED_MANIFEST = re.compile(r"\.manifest\.json\.\d+-[0-9a-f]{8}\.partial")


def walk_files(folder: Path) -> Iterator[Path]:
    """Give every file below a folder, sorted, links to files included; not a manifest that is being written.

    Raises
    ------
    UnsafeFileError
        If a link leads out of the folder, or to another folder, or something is neither a folder nor a regular file.
    """
    root = folder.resolve()
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*files, *(name for name in folders if Path(parent, name).is_symlink())]):
            path = Path(parent, name)
            if path.parent == folder and UNFINISHED_MANIFEST.fullmatch(name):
                continue
            if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(root)):
                raise UnsafeFileError(
                    f"{path} is a link to {str(path.readlink())!r}, which is not a file of the bundle. "
                    "Put the file itself there, or remove the link."
                )
            check_regular(path)
            yield path


def check_files(folder: Path) -> None:
    """Check that every file below a folder is a regular file that only holds data, without hashing any.

    Raises
    ------
    UnsafeFileError
        If one is not.
    """
    for path in walk_files(folder):
        check_is_data(path)


def check_is_data(path: Path) -> None:
    """Refuse a file that is not only data, by its name, first bytes and array headers.

    Raises
    ------
    UnsafeFileError
        If it could run code, or pretends to be another kind of file, or is a graph with weights in other files.
    BundleError
        If it is cut off so that this cannot be seen.
    """
    try:
        reason = _suspicion(path)
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error) as error:
        raise BundleError(f"{path} cannot be read ({error}). Get the bundle from its source again.") from error
    if reason is None and path.suffix.lower() == ".onnx":
        check_no_external_data(path)
    if reason:
        raise UnsafeFileError(
            f"{path} is {reason}: loading it could run code. Metier neither writes nor loads such files. "
            "Do not open it; get the bundle again from a trusted source, or remove the file and seal again."
        )


def _suspicion(path: Path) -> str | None:
    if path.suffix.lower() not in ALLOWED:
        return f"a {path.suffix or 'nameless'} file, a kind that is not allowed in a bundle"
    with open_regular(path) as file:
        head = file.read(16)
    if path.suffix.lower() == ".npz":
        return _suspicion_of_archive(path)
    if path.suffix.lower() == ".npy":
        return _suspicion_of_array(path)
    if path.suffix.lower() == ".bin":
        return fault_of(path)
    if path.suffix.lower() == ".safetensors":
        # The length of its header stands first, and may be any number: that of a compressed file's first bytes, too.
        return None if head[2:9] == bytes(6) + b"{" else _unlike_safetensors(head)
    return _by_magic(head)


def _by_magic(head: bytes) -> str | None:
    return next((what for magic, what in MAGIC_BYTES.items() if head.startswith(magic)), None)


def _unlike_safetensors(head: bytes) -> str | None:
    return _by_magic(head) if head[8:9] == b"{" else "not a safetensors file"


def _suspicion_of_array(path: Path) -> str | None:
    with open_regular(path) as file:
        return _suspicion_of_header(file)


def _suspicion_of_archive(path: Path) -> str | None:
    if not zipfile.is_zipfile(path):
        return "not an archive of arrays"
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith(".npy"):
                return f"an archive with {name!r} in it, which is not an array"
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
        return "not an array"
    return "an array of Python objects, which is a pickle inside" if dtype.hasobject else None
