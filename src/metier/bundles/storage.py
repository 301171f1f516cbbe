"""Write a folder completely or not at all, with clear storage errors."""

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
    errno.EACCES: "no permission to write there",
    errno.EPERM: "no permission to write there",
    errno.EFBIG: "the file exceeds the size limit",
    errno.EIO: "the disk reports an error",
}


@contextmanager
def write_whole(folder: Path) -> Iterator[Path]:
    """Give an empty temporary folder, which replaces the target when the block succeeds.

    On any failure no partial folder is left, and an existing folder is unchanged.

    Parameters
    ----------
    folder : Path
        The folder to write or to replace.

    Raises
    ------
    StorageError
        If a write fails.
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
    """Turn failed writes into `StorageError`; other errors pass unchanged."""
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        reason = _reason(error, path)
        if reason is None:
            raise
        raise StorageError(
            f"{path} cannot be written: {reason}. Free some space or choose another folder, then try again. "
            "No partial file is left."
        ) from error


def _reason(error: Exception, path: Path) -> str | None:
    if isinstance(error, OSError) and error.errno:
        about = error.filename2 or error.filename  # For a copy, the first name is the source.
        if isinstance(about, str) and not Path(about).absolute().is_relative_to(path.parent.absolute()):
            return None  # About a file that was read.
        return REASONS.get(error.errno)
    # Writers in Rust (safetensors, tokenizers) and `copytree` have the system error number in their message.
    found = re.search(r"\(os error (\d+)\)|\[Errno (\d+)\]", str(error))
    return REASONS.get(int(found[1] or found[2])) if found else None


def _swap(partial: Path, folder: Path) -> None:
    """Replace the old folder; it is removed only after the new one is in place."""
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
