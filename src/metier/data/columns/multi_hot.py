"""Labels as zeros and ones: one list with a place for each label (`[0, 1, 0, 1]`), or one column for each label.

Both hold the labels of a row by position. The columns give the names; a list has none, so its places are called
`label_0`, `label_1` and so on, as in the array it was made from, unless names are given.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from metier.data.columns.spans import decode
from metier.data.columns.value_faults import FaultError
from metier.errors import DataError, MissingColumnError

LABELS_COLUMN = "labels"
# As text files, data frames and Parquet write them.
_WRITTEN = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}


def is_multi_hot(value: Any) -> bool:
    """Whether a value is a list of two or more zeros and ones.

    No list of label ids is: from 0 and 1 it could only ever be both.
    """
    value = decode(value)
    return isinstance(value, list) and len(value) > 1 and all(_is_bit(item) for item in value)


def width_of(values: Iterable[Any]) -> int | None:
    """Give the number of places where every value is multi-hot, None where one is not; a missing value counts for none.

    The first value decides; a later one of another length is a fault of its row.
    """
    width = None
    for value in values:
        if value is None:
            continue
        if not is_multi_hot(value):
            return None
        width = width or len(decode(value))
    return width


def place_names(width: int, given: Sequence[str], *, column: str) -> tuple[str, ...]:
    """Give the names of the places of a list.

    Raises
    ------
    DataError
        If other than one different name for each place is given.
    """
    if not given:
        return tuple(f"label_{place}" for place in range(width))
    if len(given) != width or len(set(given)) != width:
        raise DataError(
            f"{column} holds lists of {width} zeros and ones, and the label names are {len(set(given))} different "
            f"ones: {', '.join(given)}. Give {width}, in the order of the lists: --label-names A,B,C."
        )
    return tuple(given)


def labels_at(value: Any, names: Sequence[str]) -> list[str]:
    """Give the names of the places that hold a one.

    Raises
    ------
    FaultError
        If there are more places, or fewer, than in the first row.
    """
    bits = decode(value)
    if len(bits) != len(names):
        raise FaultError(
            f"there are {len(bits)} zeros and ones where the first row has {len(names)}.",
            "Write one for each label in every row.",
            kind="with another number of zeros and ones",
        )
    return [name for name, bit in zip(names, bits, strict=True) if float(bit)]


def named_columns(
    table: pa.Table, given: str | None, *, known: Collection[str] = (), origin: str
) -> tuple[list[str], str] | None:
    """Give the columns that the user listed for `labels`, and the name of the column to put them into.

    Parameters
    ----------
    given : str or None
        What was named: `a,b,c`; or the column into which those of earlier rows were put.
    known : collection of str
        Labels of the earlier rows.

    Returns
    -------
    tuple of (list of str, str), or None
        None where one column is named, or none.

    Raises
    ------
    MissingColumnError
        If some of the listed columns do not exist.
    """
    if given is None or given in table.column_names:
        return None
    if known and set(known) <= set(table.column_names):
        return [name for name in table.column_names if name in known], given
    if "," not in given:
        return None
    names = [name.strip() for name in given.split(",")]
    for name in names:
        if name not in table.column_names:
            raise MissingColumnError(
                name, found=table.column_names, origin=origin, flag="--role labels=COLUMN,COLUMN"
            )
    return names, free_name(table)


def free_name(table: pa.Table) -> str:
    """Give a name for the column of label lists that no column has."""
    name = LABELS_COLUMN
    while name in table.column_names:
        name += "_"
    return name


def with_labels(table: pa.Table, names: Sequence[str], column: str) -> pa.Table:
    """Add a column of lists: the names of the columns that hold a one; null where one of them holds nothing."""
    bits = [[_bit(value) for value in table.column(name).to_pylist()] for name in names]
    lists = [
        None if None in row else [name for name, bit in zip(names, row, strict=True) if bit]
        for row in zip(*bits, strict=True)
    ]
    return table.append_column(column, pa.array(lists, pa.list_(pa.string())))


def columns_of(table: pa.Table, taken: Collection[str]) -> list[str]:
    """Give the columns of zeros and ones without a role, where at least two of them hold both."""
    found = [name for name in table.column_names if name not in taken and _holds_bits(table.column(name))]
    both = [name for name in found if len(_distinct(table.column(name))) > 1]
    return found if len(both) > 1 else []


def _holds_bits(column: pa.ChunkedArray) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_primitive(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return False
    distinct = _distinct(column)
    return bool(distinct) and distinct <= {False, True}


def _distinct(column: pa.ChunkedArray) -> set[Any]:
    """Give what a column holds, as bits; a value that is none makes the whole set unfit."""
    if pa.types.is_dictionary(column.type):
        column = column.combine_chunks().dictionary_decode()
    # A column of texts has too many values to be looked at one by one.
    if pc.count_distinct(column.slice(0, 1_000)).as_py() > len(_WRITTEN):
        return {"other"}
    return {
        "other" if _bit(value) is None else _bit(value)
        for value in pc.unique(column).to_pylist()
        if not _blank(value)
    }


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _bit(value: Any) -> bool | None:
    return None if _blank(value) else _WRITTEN.get(str(value).strip().lower())


def _is_bit(value: Any) -> bool:
    return isinstance(value, bool | int | float) and value in (0, 1)
