"""Batches of rows from a file as Arrow tables, every column as text.

Text files hold text, so their columns stay text: a label "007" is not the number 7, and a column may look
like numbers for a million rows and then not.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from metier.data.formats.data_file import DataFile
from metier.errors import BrokenRowError

BATCH_ROWS = 16_384
BATCH_CHARACTERS = (
    16_000_000  # A batch ends here too: a thousand texts of a megabyte must not be in memory together.
)
GIVEN = b"metier.given"  # Metadata of a column: its values as JSON.


@dataclass(frozen=True)
class Batches:
    """The rows of a source.

    Parameters
    ----------
    tables : iterator of pyarrow.Table
        Some rows each; consumed once.
    notes : tuple of str
        Decisions made before the first row was read.
    late : list of str
        What was decided while reading; complete once the tables were consumed.
    """

    tables: Iterator[pa.Table]
    notes: tuple[str, ...] = ()
    late: list[str] = field(default_factory=list)


def as_string(value: Any) -> str | None:
    """Give a value as a column of text holds it: 1.0 is "1", true is "true", NaN and null are None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def tables_of_records(
    records: Iterable[tuple[int, Mapping[str, Any]]],
    *,
    file: DataFile,
    batch_rows: int,
    keep_types: bool = False,
) -> Iterator[pa.Table]:
    """Gather mappings into tables; a key that a mapping lacks is null there.

    Parameters
    ----------
    records : iterable of (line, mapping)
        The line of the file on which each mapping begins.
    keep_types : bool
        Whether columns keep what they held before it became text, for `given_values`.
    """
    lines: list[int] = []
    kept: list[dict[str, str | None]] = []
    given: list[Mapping[str, Any]] = []
    characters = 0
    for line, record in records:
        strings = {str(key): as_string(value) for key, value in record.items()}
        lines.append(line)
        kept.append(strings)
        if keep_types:
            given.append(record)
        characters += sum(len(value) for value in strings.values() if value)
        if len(kept) >= batch_rows or characters >= BATCH_CHARACTERS:
            yield _with_given(_table(kept, lines, file), given)
            lines, kept, given, characters = [], [], [], 0
    if kept:
        yield _with_given(_table(kept, lines, file), given)


def given_values(field: pa.Field, n_rows: int) -> list[Any] | None:
    """Give what a column of text held in its file: numbers, lists, true; None where it held text, or is not known."""
    stored = (field.metadata or {}).get(GIVEN)
    values: list[Any] = [] if stored is None else json.loads(stored)
    return values if stored is not None and len(values) == n_rows else None


def with_values(table: pa.Table, name: str, values: Sequence[Any]) -> pa.Table:
    """Give the table with other values in a column of text: what it held in its file changes with what it holds here."""
    place = table.column_names.index(name)
    field = table.schema.field(place).with_type(pa.string())
    if GIVEN in (field.metadata or {}):
        field = field.with_metadata({**field.metadata, GIVEN: json.dumps(list(values))})
    return table.set_column(place, field, pa.array([as_string(value) for value in values], pa.string()))


def _with_given(table: pa.Table, records: Sequence[Mapping[str, Any]]) -> pa.Table:
    if not records:
        return table
    fields = []
    for column in table.schema:
        values = [record.get(column.name) for record in records]
        is_text = all(value is None or isinstance(value, str) for value in values)
        fields.append(column if is_text else column.with_metadata({GIVEN: json.dumps(values)}))
    return pa.table(table.columns, schema=pa.schema(fields))


def _table(records: list[dict[str, str | None]], lines: list[int], file: DataFile) -> pa.Table:
    names = list(dict.fromkeys(name for record in records for name in record))
    try:
        return pa.table(
            {name: pa.array([record.get(name) for record in records], pa.string()) for name in names}
        )
    except UnicodeEncodeError:
        # JSON can spell half of a surrogate pair, which is not a character and cannot be encoded.
        for line, record in zip(lines, records, strict=True):
            if any(value and not _is_text(value) for value in (*record, *record.values())):
                raise BrokenRowError(
                    file.origin,
                    line,
                    "a text holds half of a surrogate pair (such as \\ud83d alone), which is not a character.",
                    remedy="Fix it where the file is written; it usually comes from cutting a text inside an emoji.",
                ) from None
        raise


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
