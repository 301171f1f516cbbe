"""Parquet: columns with types, read in batches from a memory-mapped file."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from metier.data.formats.batches import Batches
from metier.data.formats.data_file import GZIP_FAULTS, DataFile
from metier.errors import UnreadableFileError


def read_parquet(file: DataFile, *, batch_rows: int) -> Batches:
    """Read a Parquet file.

    Raises
    ------
    UnreadableFileError
        If it is broken.
    """
    try:
        if file.gzipped:
            with file.open() as stream:
                parquet = pq.ParquetFile(pa.BufferReader(stream.read()))
        else:
            parquet = pq.ParquetFile(file.path, memory_map=True)
    except GZIP_FAULTS:
        raise file.broken_gzip from None
    except UnreadableFileError:
        raise
    except (pa.ArrowInvalid, OSError) as error:
        raise _broken(file, error) from None
    return Batches(_tables(parquet, file, batch_rows))


def size_in_memory(file: DataFile) -> int:
    """Give the size in bytes of the columns once decompressed, as the file's footer states it."""
    try:
        footer = pq.read_metadata(file.path)
    except (pa.ArrowInvalid, OSError) as error:
        raise _broken(file, error) from None
    return sum(footer.row_group(group).total_byte_size for group in range(footer.num_row_groups))


def _tables(parquet: pq.ParquetFile, file: DataFile, batch_rows: int) -> Iterator[pa.Table]:
    try:
        # A file without rows still has columns.
        if parquet.metadata.num_rows == 0:
            yield parquet.schema_arrow.empty_table()
        for batch in parquet.iter_batches(batch_size=batch_rows):
            yield pa.Table.from_batches([batch])
    except (pa.ArrowInvalid, OSError) as error:
        raise _broken(file, error) from None


def _broken(file: DataFile, error: Exception) -> UnreadableFileError:
    reason = str(error).splitlines()[0].rstrip(".")
    return UnreadableFileError(
        f"{file.origin} is a broken Parquet file ({reason}). Copy it from its source again."
    )
