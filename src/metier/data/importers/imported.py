"""The result of an importer: rows in our columns, and what was skipped."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from metier.data.formats.batches import BATCH_ROWS, as_string
from metier.data.rows import COLUMN_TYPES
from metier.errors import UnreadableFileError

# A span as labelling tools write it, with its surface text where given: reading checks it against the text.
SPAN = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string()), ("text", pa.string())])
_TYPES = {**COLUMN_TYPES, "spans": pa.list_(SPAN)}
# Half of a surrogate pair, which JSON can spell; an offset beyond 32 bits.
UNSTORABLE = (UnicodeEncodeError, OverflowError, pa.ArrowInvalid)
OWN_COLUMNS = ("text", "label", "labels", "spans", "relations", "score", "target", "messages", "split")


@dataclass
class Imported:
    """Rows of another tool in our columns.

    Parameters
    ----------
    what : str
        The recognised format: "Label Studio JSON".
    tables : iterable of pyarrow.Table
        The rows; consumed once.
    left_out : dict of str to list of int
        Reason of each kind of skipped content, and the numbers from 1 of the items; complete once the tables
        were consumed.
    notes : list of str
        Decisions made while importing.
    """

    what: str
    tables: Iterable[pa.Table]
    left_out: dict[str, list[int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def leave_out(self, why: str, number: int) -> None:
        """Record that some content of an item was skipped."""
        self.left_out.setdefault(why, []).append(number)

    def put(self, records: Sequence[Mapping[str, Any]]) -> "Imported":
        """Set the rows from records."""
        self.tables = tables_of(records)
        return self


@dataclass
class Tally:
    """Counts of what was imported."""

    rows: int = 0
    spans: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    columns: dict[str, None] = field(default_factory=dict)

    def add(self, table: pa.Table) -> None:
        """Count the rows of a table."""
        self.rows += table.num_rows
        self.columns |= dict.fromkeys(table.column_names)
        if "label" in table.column_names:
            self.labels.update(label for label in table.column("label").to_pylist() if label is not None)
        if "labels" in table.column_names and pa.types.is_list(table.schema.field("labels").type):
            self.labels.update(label for own in table.column("labels").to_pylist() for label in own or ())
        if "spans" in table.column_names:
            types = [span["label"] for own in table.column("spans").to_pylist() for span in own or ()]
            self.spans += len(types)
            if "relations" in table.column_names:
                types = [one["label"] for own in table.column("relations").to_pylist() for one in own or ()]
            if "label" not in table.column_names:
                self.labels.update(types)


def tables_of(records: Sequence[Mapping[str, Any]]) -> Iterator[pa.Table]:
    """Turn records into tables; every table has all columns, in the types that reading expects."""
    names = list(dict.fromkeys(name for record in records for name in record))
    for start in range(0, len(records), BATCH_ROWS):
        batch = records[start : start + BATCH_ROWS]
        try:
            yield _table(batch, names)
        except UNSTORABLE:
            raise _unstorable(batch, names, start) from None


def _table(records: Sequence[Mapping[str, Any]], names: Sequence[str]) -> pa.Table:
    return pa.table({name: _column(name, [record.get(name) for record in records]) for name in names})


def _unstorable(records: Sequence[Mapping[str, Any]], names: Sequence[str], before: int) -> UnreadableFileError:
    """Make the error for the first record that Arrow cannot store."""
    for number, record in enumerate(records, before + 1):
        for name in names:
            try:
                _table([record], [name])
            except UNSTORABLE:
                return UnreadableFileError(
                    f"Row {number} of the import has a value in {name} that cannot be stored: half of a "
                    "surrogate pair (an emoji that was cut), or an offset beyond two billion. Fix it in the "
                    "source."
                )
    raise AssertionError("a table failed although each of its records can be stored")


def _column(name: str, values: list[Any]) -> pa.Array:
    if name == "spans":
        values = [
            None if spans is None else sorted(spans, key=lambda span: (span["start"], span["end"]))
            for spans in values
        ]
    if name in _TYPES:
        return pa.array(values, _TYPES[name])
    return pa.array([as_string(value) for value in values], pa.string())


def span(start: int, end: int, label: str, text: str | None = None) -> dict[str, Any]:
    """Make a span as a row stores it."""
    return {"start": start, "end": end, "label": label, "text": text}


def beside(fields: Mapping[str, Any], *, but: Iterable[str]) -> dict[str, str | None]:
    """Give the fields that become further columns; names of our own columns get the prefix `data_`."""
    left = {name: value for name, value in fields.items() if name not in set(but)}
    return {f"data_{name}" if name in OWN_COLUMNS else name: as_string(value) for name, value in left.items()}


def item_error(origin: str, number: int, found: str, remedy: str, *, noun: str = "item") -> UnreadableFileError:
    """Make the error for one item of a document."""
    return UnreadableFileError(f"{origin}, {noun} {number}: {found} {remedy}")
