"""Rows in memory: data frames, Arrow tables, lists."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from metier.data.formats.batches import as_string
from metier.errors import CallError, DataError
from metier.text.given_texts import Array

_EXPECTED = (
    "Give a path, a pandas DataFrame, an Arrow table, a list of mappings, a list of (text, label) pairs "
    "or a list of str."
)


@runtime_checkable
class Frame(Protocol):
    """A data frame of pandas, which need not be installed."""

    @property
    def columns(self) -> Any:
        """The names of its columns."""
        ...

    def to_dict(self) -> dict[Any, Any]:
        """Give its columns."""
        ...


def table_of(source: Any) -> pa.Table:
    """Convert rows in memory to an Arrow table.

    Raises
    ------
    CallError
        If it does not hold rows.
    DataError
        If its items are of different kinds.
    """
    if isinstance(source, pa.Table):
        return source
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source])
    if isinstance(source, Frame):
        return _table_of_frame(source)
    if isinstance(source, Array):
        source = source.tolist()
    if isinstance(source, str | bytes | Mapping) or not isinstance(source, Sequence):
        raise CallError(f"Found {type(source).__name__} where rows were expected. {_EXPECTED}")
    return _table_of_items(source)


def _table_of_frame(frame: Any) -> pa.Table:
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"Two columns of the data frame are named {twice[0]!r}. Give each its own name.")
    columns = {}
    for name, column in zip(names, frame.columns, strict=True):
        try:
            columns[name] = pa.array(frame[column], from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            # A column of mixed types has no Arrow type: read it as text.
            columns[name] = _strings(frame[column].tolist(), name)
    return pa.table(columns)


def _table_of_items(items: Sequence[Any]) -> pa.Table:
    if not items:
        return pa.table({"text": pa.array([], pa.string())})
    if all(isinstance(item, str) for item in items):
        return pa.table({"text": _strings(items, "text")})
    if all(isinstance(item, Mapping) for item in items):
        names = dict.fromkeys(str(name) for item in items for name in item)
        return pa.table({name: _strings([item.get(name) for item in items], name) for name in names})
    if all(isinstance(item, tuple | list) and len(item) == 2 for item in items):
        texts, labels = zip(*items, strict=True)
        return pa.table({"text": _strings(texts, "text"), "label": _strings(labels, "label")})
    kinds = sorted({type(item).__name__ for item in items})
    raise DataError(f"Found a list of {', '.join(kinds)} where rows were expected. {_EXPECTED}")


def _strings(values: Sequence[Any], name: str) -> pa.Array:
    try:
        return pa.array([as_string(value) for value in values], pa.string())
    except UnicodeEncodeError as error:
        raise DataError(
            f"A value of {name!r} holds half of a surrogate pair "
            f"({error.object[error.start : error.end]!a}), which is not a "
            "character. Fix it at its source; it usually comes from cutting a text inside an emoji."
        ) from None
