"""Which answer belongs to which row: by a column of ids, by what was asked, or by the place in the file."""

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from metier.data.columns.role_inference import level
from metier.data.columns.roles import NAMES
from metier.data.rows import INPUT_ROLES, Rows
from metier.errors import DataError, MissingColumnError, quoted
from metier.figures import count_of

BY_ID, BY_TEXT, BY_POSITION = "id", "text", "position"
WAYS = (BY_ID, BY_TEXT, BY_POSITION)
ID_NAMES = (
    *("id", "row_id", "rowid", "uid", "uuid", "guid", "example_id", "sample_id", "item_id", "key"),
    *("编号", "序号", "样本编号", "样本id"),
)
MOST_SHOWN = 3  # Rows that match nothing, in a message.
LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Matching:
    """Which rows of a file answer which rows.

    Parameters
    ----------
    by : {"id", "text", "position"}
    columns : tuple of str
        What was compared; empty for positions.
    places : ndarray of int64 of shape (n_rows,)
        For each row, its place in the file; -1: it has no answer there.
    extra : tuple of int
        Places in the file that answer no row.
    repeated : int
        Rows that ask the same as one before; the first answers the first, the second the second.
    """

    by: str
    columns: tuple[str, ...]
    places: np.ndarray
    extra: tuple[int, ...]
    repeated: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether every row has its answer, and every answer its row."""
        return not self.extra and bool((self.places >= 0).all())

    def said(self, origin: str) -> str:
        """Say in a note what rows were matched by."""
        if self.by == BY_POSITION:
            return (
                f"{origin}: rows are matched by their position, as no column says which is which (--id COLUMN)"
            )
        same = f"; {count_of(self.repeated, 'repeated row')} in order" if self.repeated else ""
        return f"{origin}: rows are matched by {' and '.join(self.columns)}{same} (--match, --id)"


def match_rows(
    rows: Rows, table: pa.Table, *, origin: str, way: str | None = None, id_column: str | None = None
) -> Matching:
    """Find the answer of each row.

    Parameters
    ----------
    rows : Rows
        What was asked, with what it should be answered with.
    table : pyarrow.Table
        The file of answers.
    way : {"id", "text", "position"}, optional
        None: the first of these that both have.
    id_column : str, optional
        A column of both whose values are all different.

    Raises
    ------
    MissingColumnError
        If the column of ids does not exist in both.
    DataError
        If its values repeat, or the way does not suit the files.
    """
    if id_column is not None or way == BY_ID:
        return _by_columns(BY_ID, rows, table, [_id_column(rows, table, origin, id_column)])
    if way is None:
        found = next((pair for pair in _shared_ids(rows, table) if _differ(rows, table, pair)), None)
        if found is not None:
            return _by_columns(BY_ID, rows, table, [found])
    pairs = [] if way == BY_POSITION else _asked_columns(rows, table)
    if pairs:
        return _by_columns(BY_TEXT, rows, table, pairs)
    if way == BY_TEXT:
        raise DataError(
            f"{origin} has no column with what was asked ({rows.roles.text!r} in {rows.origin}); it has: "
            f"{', '.join(table.column_names)}. Call it the same, or match with --id COLUMN or --match position."
        )
    if table.num_rows != len(rows):
        raise DataError(
            f"{origin} has {count_of(table.num_rows, 'row')} and {rows.origin} has {len(rows):,}, and no column says which "
            f"is which; it has: {', '.join(table.column_names)}. Add a column id or {rows.roles.text!r} to both."
        )
    return Matching(BY_POSITION, (), np.arange(len(rows)), ())


def check_matched(matching: Matching, rows: Rows, table: pa.Table, *, origin: str) -> None:
    """Refuse answers to other rows.

    Raises
    ------
    DataError
        With how many rows have no answer and how many answers no row, and the first of them.
    """
    if matching.is_whole:
        return
    missing = np.flatnonzero(matching.places < 0).tolist()
    parts = []
    if missing:
        shown = _shown(rows.table, matching.columns, missing)
        parts.append(f"{len(missing):,} of {len(rows):,} rows of {rows.origin} have no answer in it ({shown})")
    if matching.extra:
        shown = _shown(table, matching.columns, matching.extra)
        parts.append(
            f"{len(matching.extra):,} of its {table.num_rows:,} rows are not in {rows.origin} ({shown})"
        )
    raise DataError(
        f"{origin} answers other rows, matched by {' and '.join(matching.columns)}: {'; '.join(parts)}. Give answers to "
        "the same rows, compare those that both have with --common, or match otherwise (--match, --id)."
    )


def _shown(table: pa.Table, columns: Sequence[str], places: Sequence[int]) -> str:
    name = next(name for name in columns if name in table.column_names)
    cells = [quoted(str(table.column(name)[place].as_py()))[:LONGEST_SHOWN] for place in places[:MOST_SHOWN]]
    listed = ", ".join(
        f"row {place + 1}: {cell}" for place, cell in zip(places[:MOST_SHOWN], cells, strict=True)
    )
    return listed + (", …" if len(places) > MOST_SHOWN else "")


def _id_column(rows: Rows, table: pa.Table, origin: str, named: str | None) -> tuple[str, str]:
    if named is None:
        pair = next(iter(_shared_ids(rows, table)), None)
        if pair is None:
            raise DataError(
                f"{origin} and {rows.origin} have no column of ids in common. Name one with --id COLUMN."
            )
    else:
        pair = (named, named)
    for own, (name, whole) in ((rows.origin, (pair[0], rows.table)), (origin, (pair[1], table))):
        if name not in whole.column_names:
            raise MissingColumnError(name, found=whole.column_names, origin=own, flag="--id")
    for own, name, whole in ((rows.origin, pair[0], rows.table), (origin, pair[1], table)):
        repeated = _first_repeated(_keys(whole, [name]))
        if repeated is not None:
            raise DataError(
                f"{own}, row {repeated + 1}: the id {quoted(str(whole.column(name)[repeated].as_py()))} stands there for "
                f"the second time in the column {name!r}. Name a column whose values all differ with --id."
            )
    return pair


def _shared_ids(rows: Rows, table: pa.Table) -> Iterable[tuple[str, str]]:
    own = {level(name): name for name in rows.table.column_names}
    other = {level(name): name for name in table.column_names}
    return ((own[name], other[name]) for name in ID_NAMES if name in own and name in other)


def _differ(rows: Rows, table: pa.Table, pair: tuple[str, str]) -> bool:
    keys = (_keys(rows.table, [pair[0]]), _keys(table, [pair[1]]))
    return all(_first_repeated(one) is None for one in keys)


def _first_repeated(keys: Sequence[Hashable]) -> int | None:
    seen = set[Hashable]()
    for place, key in enumerate(keys):
        if key in seen:
            return place
        seen.add(key)
    return None


def _asked_columns(rows: Rows, table: pa.Table) -> list[tuple[str, str]]:
    """Give the columns of what was asked, as they are called in both; none where the text is missing."""
    text = rows.roles.text
    other = {level(name): name for name in table.column_names}
    alike = (
        text if text in table.column_names else None,
        other.get(level(text)),
        *(other.get(name) for names in NAMES["text"] for name in names),
    )
    found = next((name for name in alike if name is not None), None)
    if found is None:
        return []
    further = [rows.roles.column_of(role) for role in INPUT_ROLES if role != "text"]
    same = [name for name in further if name is not None and name in table.column_names and name != text]
    return [(text, found), *((name, name) for name in same if pa.types.is_string(table.column(name).type))]


def _by_columns(by: str, rows: Rows, table: pa.Table, pairs: Sequence[tuple[str, str]]) -> Matching:
    asked, answered = _keys(rows.table, [a for a, _ in pairs]), _keys(table, [b for _, b in pairs])
    waiting: dict[Hashable, deque[int]] = defaultdict(deque)
    for place, key in enumerate(answered):
        waiting[key].append(place)
    places = np.array([waiting[key].popleft() if waiting.get(key) else -1 for key in asked], dtype=np.int64)
    extra = sorted(place for left in waiting.values() for place in left)
    columns = tuple(dict.fromkeys(name for pair in pairs for name in pair))
    return Matching(by, columns, places, tuple(extra), len(asked) - len(set(asked)))


def _keys(table: pa.Table, names: Sequence[str]) -> list[Hashable]:
    columns = [[_key(value) for value in table.column(name).to_pylist()] for name in names]
    return list(zip(*columns, strict=True))


def _key(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).strip()
