"""Large files are cached as Arrow on disk and memory-mapped, so two million rows take little memory.

The cached copy is named after the file's path, size and modification time, so a changed file is read again and
the old copy removed. Each copy is a folder of parts, because columns that appear late in a file of JSON lines
begin a new part. It is written to a temporary folder and renamed, so a killed process leaves nothing that looks
finished.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from metier.data.formats.batches import Batches
from metier.data.formats.data_file import DataFile
from metier.errors import StorageError
from metier.storage import partial_folder, sweep
from metier.user_cache import user_cache

VERSION = "rows.v1"


def cached_copy(file: DataFile, *, how: str) -> Path:
    """Give the path of a file's Arrow copy.

    Parameters
    ----------
    how : str
        Everything else that the rows depend on: encoding, delimiter.
    """
    path, state = str(file.path.resolve()), file.path.stat()
    source = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    content = hashlib.sha256(f"{VERSION} {state.st_size} {state.st_mtime_ns} {how}".encode()).hexdigest()[:16]
    return user_cache() / "rows" / f"{source}-{content}"


def write_copy(folder: Path, batches: Batches) -> None:
    """Write batches to their folder in the cache.

    Raises
    ------
    StorageError
        If a write fails; no partial file is left.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep(folder.parent)
        with partial_folder(folder) as partial:
            _write_parts(partial, batches.tables)
            with contextlib.suppress(FileExistsError):
                # Another process wrote the same rows meanwhile.
                _rename(partial, folder)
        for former in folder.parent.glob(f"{folder.name.partition('-')[0]}-*"):
            if former != folder:
                shutil.rmtree(former, ignore_errors=True)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"Could not keep a copy of the rows in {folder.parent} ({error.strerror or error}). "
            "Free some space, or name another folder in the environment variable METIER_CACHE."
        ) from error


def _rename(partial: Path, folder: Path) -> None:
    if folder.is_dir():
        raise FileExistsError(folder)
    partial.rename(folder)


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


def map_copy(folder: Path) -> pa.Table:
    """Memory-map the copy: pages are read on access."""
    parts = [pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in sorted(folder.glob("*.arrow"))]
    return pa.concat_tables(parts, promote_options="default") if parts else pa.table({})
