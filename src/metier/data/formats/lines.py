"""A .txt file: one text per line."""

from collections.abc import Iterator, Mapping
from typing import Any

from metier.data.formats.batches import Batches, tables_of_records
from metier.data.formats.data_file import GZIP_FAULTS, DataFile
from metier.data.formats.encoding import choose_encoding, undecodable_line


def read_lines(file: DataFile, *, encoding: str | None, batch_rows: int) -> Batches:
    """Read every line as a text; a blank line is an empty text, so that answers keep their line numbers."""
    encoding, notes = choose_encoding(file, encoding)
    tables = tables_of_records(_lines(file, encoding), file=file, batch_rows=batch_rows)
    return Batches(tables, (*notes, f"every line of {file.origin} is a text"))


def _lines(file: DataFile, encoding: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with file.open_text(encoding, newline="\n") as stream:
        try:
            for number, line in enumerate(stream, 1):
                yield number, {"text": line.rstrip("\r\n")}
        except UnicodeDecodeError:
            raise undecodable_line(file, encoding) from None
        except GZIP_FAULTS:
            raise file.broken_gzip from None
