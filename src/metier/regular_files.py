"""Open the files of a run or a bundle: regular files alone.

Opening a named pipe waits for a writer that may never come, and reading a device may never end or have effects. A run
or a bundle that came from elsewhere may hold either under the name of a file.
"""

import io
import os
import stat
from pathlib import Path

from metier.errors import UnsafeFileError

KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file for reading bytes, after looking at what it is; a link is followed.

    Raises
    ------
    UnsafeFileError
        If it is a named pipe, a socket, a device or a folder.
    OSError
        If there is none, or it cannot be read.
    """
    check_regular(path)
    # Not waiting: the file may have become a pipe since it was looked at.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_mode(path, os.fstat(descriptor).st_mode)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, *, errors: str = "strict") -> str:
    """Read a text file of UTF-8; raises what `open_regular` does, and `UnicodeDecodeError`."""
    with open_regular(path) as file:
        return file.read().decode("utf-8", errors)


def check_regular(path: Path) -> None:
    """Refuse what is not a regular file, without opening it; raises what `open_regular` does."""
    _check_mode(path, path.stat().st_mode)


def kind_of(path: Path) -> str | None:
    """Say what is at a path that is no regular file: a folder, a named pipe, a socket, a device; None of any other."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    return None if stat.S_ISREG(mode) else _named(mode)


def _named(mode: int) -> str:
    return next((name for is_kind, name in KINDS if is_kind(mode)), "no regular file")


def _check_mode(path: Path, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    found = _named(mode)
    raise UnsafeFileError(
        f"{path} is {found}, and a run or a bundle holds regular files alone. It was not opened. "
        "Remove it, or get the folder again from its source."
    )


def check_folder(folder: Path) -> None:
    """Check that everything below a folder is a regular file, a folder, or a link to one that is also below it.

    Raises
    ------
    UnsafeFileError
        If something is not.
    """
    root = folder.resolve()
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise UnsafeFileError(
                    f"{path} is a link to {str(path.readlink())!r}, out of {folder}. "
                    "Put the file itself there, or remove the link."
                )
            if name in files and path.exists():  # A run that goes on renames and removes files meanwhile.
                check_regular(path)
