"""The folder that keeps what is costly to make again: converted bases, embeddings, distilled matrices.

Everything in it can be deleted at any time. A folder appears in one rename, so a killed process leaves nothing that
looks finished.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
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
        The folder that is wanted.
    build : callable taking a Path
        Writes the files into the empty folder it is given.

    Raises
    ------
    StorageError
        If the disk refuses; nothing half-written stays.
    """
    if final.is_dir():
        return final
    beside = None
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=final.parent))
        build(beside)
        _move(beside, final)
    except OSError as error:
        raise StorageError(
            f"Could not write {final} ({error.strerror or error}). "
            "Free some space, or name another folder in the environment variable METIER_CACHE."
        ) from error
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)
    return final


def _move(beside: Path, final: Path) -> None:
    try:
        beside.rename(final)
    except OSError as error:
        # Another process built the same folder meanwhile: its copy is as good as ours.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not final.is_dir():
            raise
