"""The files that are written for the user: regular ones alone, whole or not at all, and by one process at a time."""

import contextlib
import errno
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from metier.errors import CallError, StorageError
from metier.file_locks import held
from metier.regular_files import kind_of
from metier.storage import REFUSED, partial_file, sweep


def check_output(path: Path, *, overwrite: bool) -> None:
    """Check that a rename over a path would replace a file or nothing: over a device, it would end the device.

    Parameters
    ----------
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    CallError
        If there is a folder, a device or a pipe, or a file that must stay, or if the path has no name.
    StorageError
        If its folder is missing.
    """
    found = kind_of(path) if path.name else "a folder"
    if found is not None:
        raise CallError(f"{path} is {found}, not a file, and stays as it is. Name a file to write.")
    if path.exists() and not overwrite:
        raise CallError(f"{path} exists already. Add --overwrite, or name another file.")
    if not path.parent.is_dir():
        raise StorageError(f"Could not write {path}: {_why_no_folder(path.parent)}")


def make_folder(folder: Path) -> None:
    """Make a folder to write to, and those above it; raises `StorageError` where that is refused."""
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def held_output(path: Path, *, overwrite: bool = True) -> Iterator[None]:
    """Let no other process write a file meanwhile.

    Raises
    ------
    CallError
        As `check_output` does; looked at again once the file is held, as it may have come in between.
    InUseError
        If another process writes it.
    StorageError
        If the folder is missing or read-only.
    """
    check_output(path, overwrite=overwrite)
    with contextlib.ExitStack() as opened:
        with output_errors(path):
            opened.enter_context(held(path.with_name(f".{path.name}.lock"), what=path))
            check_output(path, overwrite=overwrite)
            sweep(path.parent, of=path)
        yield


@contextlib.contextmanager
def text_output(path: Path, *, overwrite: bool = True) -> Iterator[Callable[[str], None]]:
    """Hold a text file and give what writes it, beside and then renamed; raises what `held_output` does."""

    def write(text: str) -> None:
        with output_errors(path), partial_file(path) as partial:
            # What a file name holds may be no text.
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")

    with held_output(path, overwrite=overwrite):
        yield write


def write_text(path: Path, text: str) -> None:
    """Write a text file; raises what `held_output` does, and no partial file is left."""
    with text_output(path) as write:
        write(text)


@contextlib.contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Say why a file cannot be written, and the cure of that.

    Raises
    ------
    StorageError
        In place of what the system raised.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"Could not write {path}: {_why_refused(error, path.parent)}") from error


def _why_refused(error: OSError, folder: Path) -> str:
    if error.errno == errno.ENOSPC:
        return "the disk is full. No partial file is left. Free some space, or write to another folder."
    if not folder.is_dir() and error.errno not in REFUSED:
        return _why_no_folder(folder)
    if error.errno == errno.EEXIST:
        return f"{error.filename} is a file. Name a file in a folder."
    reason = error.strerror or str(error)
    return f"{reason}. No partial file is left. Check the folder's permissions, or write to another folder."


def _why_no_folder(folder: Path) -> str:
    if folder.exists():
        return f"{folder} is a file. Name a file in a folder."
    return f"there is no folder {folder}. Make it (mkdir -p {shlex.quote(str(folder))}), or name another."
