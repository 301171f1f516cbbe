"""Columns as rows store them: plain types, texts and labels as strings, missing labels as null."""

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.formats.batches import as_string

CHUNK_ROWS = 100_000  # Arrow's short strings hold 2 GB a chunk.
# Written forms of a missing label; "none", "NA" and "null" may be real labels.
_MISSING = r"^\s*(?:nan|NaN|NAN|<NA>)?\s*$"
_WHOLE_FLOAT = r"^-?[0-9]+\.0+$"


def to_plain_columns(table: pa.Table) -> tuple[pa.Table, tuple[str, ...]]:
    """Give the table in types that every step can work on, and notes about the changes.

    Categoricals become their values, and so do other encodings; a column of nulls without a type becomes text.
    """
    notes = []
    for index, field in enumerate(table.schema):
        column = _to_plain(table.column(index))
        if column.type != field.type:
            table = table.set_column(index, field.name, column)
            if pa.types.is_dictionary(field.type):
                notes.append(f"{field.name} is a categorical column; read as {column.type}")
    empty = [name for name in table.column_names if len(table) and table.column(name).null_count == len(table)]
    if empty:
        notes.append(f"{', '.join(empty)}: no row has a value there; read as absent")
    return table, tuple(notes)


def _to_plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type)
        kind = kind.storage_type
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type)
    if pa.types.is_run_end_encoded(kind):
        decoded = [pc.run_end_decode(chunk) for chunk in column.chunks]
        return pa.chunked_array(decoded, kind.value_type)
    if pa.types.is_null(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    return column.cast(pa.float32()) if pa.types.is_float16(kind) else column


def to_text_column(table: pa.Table, name: str) -> pa.Table:
    """Give the table with one column turned into strings; a column of strings is unchanged."""
    column = table.column(name)
    if pa.types.is_string(column.type):
        return table
    return table.set_column(table.column_names.index(name), name, _to_strings(column))


def clean_labels(table: pa.Table, name: str) -> tuple[pa.Table, tuple[str, ...]]:
    """Give the table with its labels as strings, and notes about the changes.

    Blank labels and NaN become null. Whole numbers that were written as 1.0, as data frames write a column of
    numbers with gaps, become "1".
    """
    column = to_text_column(table, name).column(name)
    blank = pc.fill_null(pc.match_substring_regex(column, _MISSING), True)
    if pc.any(blank).as_py():
        column = pc.if_else(blank, pa.scalar(None, pa.string()), column)
    notes: tuple[str, ...] = ()
    present = column.drop_null()
    if len(present) and pc.all(pc.match_substring_regex(present, _WHOLE_FLOAT)).as_py():
        column = pc.replace_substring_regex(column, r"\.0+$", "")
        notes = (
            f"the labels in {name} are whole numbers written as {present[0]}; read as {column.drop_null()[0]}",
        )
    if not isinstance(column, pa.ChunkedArray):
        column = pa.chunked_array([column])
    return table.set_column(table.column_names.index(name), name, column), notes


def _to_strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    pieces = [
        _piece_to_strings(chunk.slice(start, CHUNK_ROWS))
        for chunk in column.chunks
        for start in range(0, len(chunk), CHUNK_ROWS)
    ]
    return pa.chunked_array(pieces, pa.string())


def _piece_to_strings(piece: pa.Array) -> pa.Array:
    kind = piece.type
    if pa.types.is_dictionary(kind):
        return _piece_to_strings(piece.dictionary_decode())
    if pa.types.is_floating(kind):
        # Through Python: Arrow writes 1.0 as "1.0" or "1" by its size, and NaN as "nan".
        return pa.array([as_string(value) for value in piece.to_pylist()], pa.string())
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        values = (
            value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            for value in piece.to_pylist()
        )
        return pa.array([as_string(value) for value in values], pa.string())
    return piece.cast(pa.string())
