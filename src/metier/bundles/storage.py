"""Writing a folder whole or not at all, and what a full disk says."""

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metier.errors import StorageError

REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "writing is not allowed there",
    errno.EPERM: "writing is not allowed there",
    errno.EFBIG: "the file is larger than allowed there",
    errno.EIO: "the disk reports an error",
}


@contextmanager
def write_whole(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside the wanted one, which takes its place when the block ends well.

    Whatever goes wrong inside, nothing half-written stays and what stood there before stands there still.

    Parameters
    ----------
    folder : Path
        The folder to write or to replace.

    Raises
    ------
    StorageError
        If the disk refuses a write.
    """
    partial = folder.with_name(folder.name + ".partial")
    with storage_errors(folder):
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            yield partial
            _swap(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a refused write into a sentence; errors that are about something else pass as they are."""
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        reason = _reason(error, path)
        if reason is None:
            raise
        raise StorageError(
            f"{path} cannot be written: {reason}. Make room or choose another folder, then try again. "
            "Nothing half-written was left behind."
        ) from error


def _reason(error: Exception, path: Path) -> str | None:
    if isinstance(error, OSError) and error.errno:
        about = error.filename2 or error.filename  # A copy names its source first.
        if isinstance(about, str) and not Path(about).absolute().is_relative_to(path.parent.absolute()):
            return None  # A file that was read, not written.
        return REASONS.get(error.errno)
    # What writes from Rust (safetensors, tokenizers) and `copytree` say the system's number in their sentence.
    found = re.search(r"\(os error (\d+)\)|\[Errno (\d+)\]", str(error))
    return REASONS.get(int(found[1] or found[2])) if found else None


def _swap(partial: Path, folder: Path) -> None:
    """Put the new folder in the place of the old; the old one goes only when the new one stands."""
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    try:
        partial.replace(folder)
    except OSError:
        if old.exists():
            old.replace(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
