"""The folder that keeps what is expensive to build again: converted bases, embeddings, distilled matrices.

Everything in it can be deleted at any time. A folder appears in one rename, so a killed process leaves nothing that
looks finished, and what it leaves half-built is removed by the next one that builds there. A lock lets one process build
a folder while other processes wait for it.
"""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from metier.errors import StorageError
from metier.file_locks import held, remove_left
from metier.storage import flush, open_up, partial_folder, sweep


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
    lock = final.with_name(f".{final.name}.lock")
    if final.is_dir():
        remove_left(lock)  # A killed process left it.
        return final
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with held(lock, what=final, wait=True):
            if not final.is_dir():
                _build(final, build)
    except OSError as error:
        raise StorageError(
            f"Could not write {final} ({error.strerror or error}). "
            "Free some space, or name another folder in the environment variable METIER_CACHE."
        ) from error
    return final


def _build(final: Path, build: Callable[[Path], None]) -> None:
    sweep(final.parent)
    for earlier in final.parent.glob(
        f".{final.name}-*"
    ):  # Of a version that named them so; this one holds its lock.
        shutil.rmtree(earlier, ignore_errors=True)
    with partial_folder(final) as partial:
        build(partial)
        open_up(partial)
        for path in partial.rglob("*"):
            flush(path)
        _move(partial, final)


def _move(partial: Path, final: Path) -> None:
    try:
        partial.rename(final)
    except OSError as error:
        # Another process built the same folder meanwhile: its copy is as good as ours.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not final.is_dir():
            raise
