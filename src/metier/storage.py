"""Write files and folders completely or not at all, and tell a disk that refuses from a fault of the program.

What is written lies beside its place under a hidden name of its own, `.NAME.PID-RANDOM.partial`, is flushed to the disk
and renamed. So a reader finds the old or the new, and no two writers share a file. While a process writes it holds the
lock of what it writes, which the system releases when the process ends; so `sweep` removes what killed processes left,
and nothing that is being written.
"""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from metier.errors import StorageError
from metier.file_locks import acquire, release

PARTIAL = ".partial"
REMEDY = "Free some space or choose another folder, then try again. No partial file is left."
REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "no permission to write there",
    errno.EPERM: "no permission to write there",
    errno.EFBIG: "the file exceeds the size limit",
    errno.EIO: "the disk reports an error",
}
REFUSED = frozenset({errno.EACCES, errno.EPERM})  # Reading may be what was refused.
LEFT_OVER = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.partial")  # The name of every partial file and folder.
LONGEST_NAME = 200  # Bytes of a name; file systems take 255, and the hidden name is longer than the name.
PROBE_BYTES = 256_000


@contextlib.contextmanager
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
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        put_back(folder)
        sweep(folder.parent)
        with partial_folder(folder) as partial:
            yield partial
            replace_folder(partial, folder)
        shutil.rmtree(old_of(folder), ignore_errors=True)


@contextlib.contextmanager
def partial_file(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Give an empty file beside a path, which replaces what is at the path when the block succeeds.

    Parameters
    ----------
    durable : bool, default=True
        Whether it survives a power cut right afterwards; False for what may be lost.
    """
    with _own(path, is_folder=False) as partial:
        yield partial
        if durable:
            flush(partial)
        partial.replace(path)
        if durable:
            flush(path.parent)


@contextlib.contextmanager
def partial_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside a path, to be renamed by the caller; what is left of it afterwards is removed."""
    with _own(path, is_folder=True) as partial:
        yield partial


def share_content(source: Path, path: Path) -> None:
    """Let a file and an equal one lie on the disk once, as two names of it; where the disk refuses, both stay.

    A kill leaves the file as it was, and a partial one beside it.
    """
    # Another disk, one without links, or as many names as it allows: nothing is lost but space.
    with contextlib.suppress(OSError):
        if path.is_symlink() or path.samefile(source):
            return
        with partial_file(path, durable=False) as partial:
            partial.unlink()
            os.link(source.resolve(), partial)


def write_text(path: Path, text: str, *, durable: bool = True, remedy: str = REMEDY) -> None:
    """Write a text file in UTF-8, beside and then renamed; a file name that is no text is escaped.

    Raises
    ------
    StorageError
        If the write fails; an existing file is unchanged.
    """
    with storage_errors(path, remedy=remedy), partial_file(path, durable=durable) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def named_everywhere(name: str) -> str:
    """Give the name of a file to be written down: its bytes read as UTF-8, whatever this process's locale is."""
    try:
        return os.fsencode(name).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # This locale has no bytes for it.
        return name


def named_here(name: str) -> str:
    """Give the name of a file as this process's locale has it, where another locale wrote it down."""
    there = os.fsdecode(name.encode("utf-8", "surrogateescape"))
    if os.path.exists(there):  # noqa: PTH110
        return there
    try:
        os.fsencode(name)
    except UnicodeEncodeError:  # This locale has no bytes for it.
        return there
    return name


def replace_folder(partial: Path, folder: Path) -> None:
    """Put a finished folder in place, readable as the process's umask allows.

    The old one lies in `old_of(folder)` until the caller removes it, or `put_back` where a kill came between.
    """
    open_up(partial)
    for path in partial.rglob("*"):
        flush(path)
    flush(partial)
    old = old_of(folder)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    try:
        partial.replace(folder)
    except OSError:
        if old.exists():
            old.replace(folder)
        raise
    flush(folder.parent)


def old_of(folder: Path) -> Path:
    """Where an old folder lies while a new one takes its place."""
    return folder.with_name(folder.name + ".old")


def parts_of(path: Path) -> Path:
    """Give the hidden folder beside a file for what is done of it, should whoever writes it be killed."""
    return path.with_name(f"{_prefix(path)}.parts")


def put_back(folder: Path) -> None:
    """Put an old folder back where a kill came before the new one was in place; else remove what is left of it."""
    old = old_of(folder)
    if old.exists() and not folder.exists():
        old.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def sweep(folder: Path, *, of: Path | None = None) -> None:
    """Remove the partial files and folders in a folder that no living process writes.

    Parameters
    ----------
    of : Path, optional
        Only those of this file or folder.
    """
    prefix = "." if of is None else f"{_prefix(of)}."
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        names = [one.name for one in entries if one.name.startswith(prefix) and one.name.endswith(PARTIAL)]
        for name in names:
            with contextlib.suppress(OSError):
                _remove_if_free(folder / name)


def open_up(folder: Path) -> None:
    """Let others read a folder, as the umask allows: writers of tensors make files for the owner alone."""
    closed = _umask()
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        mode = path.stat().st_mode
        wanted = mode | ((0o755 if path.is_dir() else 0o644) & ~closed)
        if mode != wanted:
            with contextlib.suppress(PermissionError):  # Of another owner.
                path.chmod(wanted & 0o7777)


def flush(path: Path) -> None:
    """Write a file or the names in a folder through to the disk."""
    if path.is_symlink():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # A file system that has nothing to flush.
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def storage_errors(path: Path, *, remedy: str = REMEDY) -> Iterator[None]:
    """Turn failed writes below the folder of a path into `StorageError`; other errors pass unchanged."""
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        about = _about(error)
        is_elsewhere = about is not None and not about.absolute().is_relative_to(path.parent.absolute())
        reason = None if is_elsewhere else REASONS.get(_code(error))
        if reason is None:
            raise
        raise StorageError(f"{path} cannot be written: {reason}. {remedy}") from error


def raise_if_refused(error: BaseException, *, folder: Path) -> None:
    """Raise `StorageError` where an error comes from a disk that refuses, whatever library it comes through.

    Parameters
    ----------
    folder : Path
        What was written to. Writers in C and C++ fail without a word of the reason: a write is tried there.

    Raises
    ------
    StorageError
        Says what cannot be written, and why.
    """
    fault = storage_fault(error, folder=folder) or _refusal(folder, Path(tempfile.gettempdir()))
    if fault is not None:
        raise fault from error


def storage_fault(error: BaseException, *, folder: Path) -> StorageError | None:
    """Give the refusal of a disk that an error comes from; None for any other error.

    Parameters
    ----------
    folder : Path
        Named where the error says no file.
    """
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, StorageError):
            return link
        code, about = _code(link), _about(link)
        if code in REASONS and not (code in REFUSED and _may_be_read(about)):
            return StorageError(f"{about or folder} cannot be written: {REASONS[code]}. Free some space.")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return None


def _refusal(*folders: Path) -> StorageError | None:
    """Try a write to each folder; gives why the disk does not take it."""
    for folder in folders:
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(PROBE_BYTES))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if (code := _code(error)) in REASONS:
                return StorageError(f"{folder} cannot be written: {REASONS[code]}. Free some space.")
    return None


def _code(error: BaseException) -> int:
    """Give the system's number of an error, also of one that only quotes it; 0 where there is none."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    said = str(error)
    if isinstance(error, OSError) and re.search(r"\d+ requested and \d+ written", said):
        return errno.ENOSPC  # So says numpy.
    if isinstance(error, sqlite3.OperationalError) and "disk is full" in said:
        return errno.ENOSPC
    # Writers in Rust (safetensors, tokenizers) and `copytree` have the system error number in their message.
    found = re.search(r"\(os error (\d+)\)|\[Errno (\d+)\]", said)
    if found:
        return int(found[1] or found[2])
    return next((code for code in REASONS if code not in REFUSED and os.strerror(code) in said), 0)


def _about(error: BaseException) -> Path | None:
    """Give the file that an error is about; of a copy, the first name is the source."""
    if not isinstance(error, OSError):
        return None
    about = error.filename2 or error.filename
    return Path(about) if isinstance(about, str) else None


def _may_be_read(about: Path | None) -> bool:
    """Whether what was refused may have been reading: of a file that is not known, or that may not be read."""
    return about is None or (about.exists() and not os.access(about, os.R_OK))


@contextlib.contextmanager
def _own(path: Path, *, is_folder: bool) -> Iterator[Path]:
    """Make and lock a partial file or folder; it is removed afterwards, where it was not renamed."""
    partial, descriptor = _make(path, is_folder=is_folder)
    try:
        yield partial
    finally:
        with contextlib.suppress(OSError):
            _remove(partial)
        release(descriptor)


def _make(path: Path, *, is_folder: bool) -> tuple[Path, int]:
    while True:
        partial = path.with_name(f"{_prefix(path)}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}")
        if is_folder:
            partial.mkdir()
            how = os.O_RDONLY | os.O_DIRECTORY
        else:
            how = os.O_RDWR | os.O_CREAT | os.O_EXCL
        try:
            descriptor = os.open(partial, how, 0o666)
        except FileNotFoundError:
            if not path.parent.is_dir():
                raise
            continue
        if acquire(descriptor) and partial.exists():
            return partial, descriptor
        release(descriptor)  # A sweep came between, and took it for one that was left behind.


def _prefix(path: Path) -> str:
    name = os.fsencode(path.name)
    return "." + (path.name if len(name) <= LONGEST_NAME else hashlib.sha256(name).hexdigest()[:16])


def _remove_if_free(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if acquire(descriptor):
            _remove(path)
    finally:
        release(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _umask() -> int:
    """Give the process's umask; where the system does not tell it, by setting it twice."""
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("Umask:")).split()[1], 8)
    closed = os.umask(0o077)
    os.umask(closed)
    return closed
