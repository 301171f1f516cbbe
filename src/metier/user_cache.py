"""The folder that keeps what is expensive to build again: converted bases, embeddings, distilled matrices.

Everything in it can be deleted at any time. A folder appears in one rename, so a killed process leaves nothing that
looks finished. A lock lets one process build a folder while other processes wait for it.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from metier.errors import StorageError


def user_cache() -> Path:
    """Give the cache folder: `METIER_CACHE`, else `metier` in `XDG_CACHE_HOME`, else `~/.cache/metier`."""
    own = os.environ.get("METIER_CACHE")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "metier"


def build_once(final: Path, build: Callable[[Path], None]) -> Path:
    """Give `final`, filling it with `build` first if it is not there yet.

    Parameters
    ----------
    final : Path
        The folder to build.
    build : callable taking a Path
        Writes the files into the empty folder that is passed to it.

    Raises
    ------
    StorageError
        If a write fails; no partial file is left.
    """
    if final.is_dir():
        return final
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with _locked(final.with_name(f".{final.name}.lock")):
            if not final.is_dir():
                _build(final, build)
    except OSError as error:
        raise StorageError(
            f"Could not write {final} ({error.strerror or error}). "
            "Free some space, or name another folder in the environment variable METIER_CACHE."
        ) from error
    return final


def _build(final: Path, build: Callable[[Path], None]) -> None:
    beside = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=final.parent))
    try:
        build(beside)
        _move(beside, final)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that the system releases when the process dies; without file locks two processes may both build."""
    with path.open("wb") as file:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _move(beside: Path, final: Path) -> None:
    try:
        beside.rename(final)
    except OSError as error:
        # Another process built the same folder meanwhile: its copy is as good as ours.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not final.is_dir():
            raise
