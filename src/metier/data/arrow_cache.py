"""Large files, kept once as Arrow on disk and memory-mapped: two million rows cost little memory.

The copy is named after the file's path, size and time of change, so a changed file is read again; the copy of
its former state is removed then. Each copy is a folder of parts, because columns that appear late in a file
of JSON lines begin a new part; it is written beside its place and renamed, so a killed process leaves nothing
that looks finished.
"""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from metier.data.formats.batches import Batches
from metier.data.formats.data_file import DataFile
from metier.errors import StorageError
from metier.user_cache import user_cache

VERSION = "rows.v1"


def cached_copy(file: DataFile, *, how: str) -> Path:
    """Name the place of a file's Arrow copy.

    Parameters
    ----------
    how : str
        Everything else that the rows depend on: encoding, delimiter.
    """
    path, state = str(file.path.resolve()), file.path.stat()
    place = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    content = hashlib.sha256(f"{VERSION} {state.st_size} {state.st_mtime_ns} {how}".encode()).hexdigest()[:16]
    return user_cache() / "rows" / f"{place}-{content}"


def write_copy(place: Path, batches: Batches) -> None:
    """Write batches to their place in the cache.

    Raises
    ------
    StorageError
        If the disk refuses; nothing half-written stays.
    """
    beside = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        _write_parts(beside, batches.tables)
        with contextlib.suppress(FileExistsError):
            # Whoever was faster wrote the same rows.
            _rename(beside, place)
        for former in place.parent.glob(f"{place.name.partition('-')[0]}-*"):
            if former != place:
                shutil.rmtree(former, ignore_errors=True)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"Could not keep a copy of the rows in {place.parent} ({error.strerror or error}). "
            "Free some space, or name another folder in the environment variable METIER_CACHE."
        ) from error
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)


def _rename(beside: Path, place: Path) -> None:
    if place.is_dir():
        raise FileExistsError(place)
    beside.rename(place)


def _write_parts(folder: Path, tables: Iterator[pa.Table]) -> None:
    writer, schema, parts = None, None, 0
    try:
        for table in tables:
            if writer is None or table.schema != schema:
                if writer is not None:
                    writer.close()
                writer = pa.ipc.new_file(str(folder / f"{parts:06d}.arrow"), table.schema)
                schema, parts = table.schema, parts + 1
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def map_copy(place: Path) -> pa.Table:
    """Memory-map the copy at its place: pages are read when they are looked at."""
    parts = [pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in sorted(place.glob("*.arrow"))]
    return pa.concat_tables(parts, promote_options="default") if parts else pa.table({})
