"""Messages and counts of a store as Parquet; imported where something is exported, for it needs Arrow."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from metier.data.output_files import held_output, output_errors
from metier.monitoring.series import SECONDS
from metier.monitoring.store.batches import VERSIONS
from metier.monitoring.store.reading import WatchedMessage, moment
from metier.monitoring.store.watch_store import WatchStore
from metier.storage import partial_file

TIME = pa.timestamp("us", tz="UTC")
MESSAGE_FIELDS = (
    ("number", pa.int64()),
    ("source", pa.string()),
    ("id", pa.string()),
    ("at", TIME),
    ("received", TIME),
    ("text", pa.string()),
    ("by", pa.string()),  # JSON: what there is differs by message.
    ("copy_of", pa.int64()),
    ("is_late", pa.bool_()),
    ("is_audit", pa.bool_()),
)
ANSWER_FIELDS = (
    ("version", pa.string()),
    ("label", pa.string()),
    ("confidence", pa.float64()),
    ("out_of_scope", pa.bool_()),
    ("answer", pa.string()),
)
COUNT_SCHEMA = pa.schema(
    [
        ("start", TIME),
        ("series", pa.string()),
        ("versions", pa.string()),
        ("messages", pa.int64()),
        ("distinct", pa.int64()),
        ("late", pa.int64()),
        ("late_distinct", pa.int64()),
    ]
)
ROWS_AT_ONCE = 10_000


def export_messages(
    store: WatchStore,
    path: Path,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    overwrite: bool = False,
) -> int:
    """Write messages with the answers of the present versions, a column `BUNDLE_label` and so on for each bundle.

    Parameters
    ----------
    since, until : datetime or None
        Written at this time or later, and before that one.

    Returns
    -------
    int
        How many.
    """
    versions: dict[str, str] = store.state(VERSIONS) or {}
    fields = [(f"{name}_{field}", type_) for name in versions for field, type_ in ANSWER_FIELDS]
    batches = store.messages(since=since, until=until, batch_rows=ROWS_AT_ONCE)
    rows = ([_message(one, versions) for one in batch] for batch in batches)
    return _write(path, pa.schema([*MESSAGE_FIELDS, *fields]), rows, overwrite=overwrite)


def export_counts(store: WatchStore, path: Path, *, period: str, overwrite: bool = False) -> int:
    """Write all counts, a row for each period, series and versions; gives how many."""
    seconds = SECONDS[period]
    rows = [
        {
            **vars(one),
            "start": moment(one.period * seconds),
            "series": _json(one.series),
            "versions": _json(one.versions),
        }
        for one in store.counts()
    ]
    return _write(path, COUNT_SCHEMA, iter([rows]), overwrite=overwrite)


def _write(
    path: Path, schema: pa.Schema, batches: Iterator[Sequence[dict[str, Any]]], *, overwrite: bool
) -> int:
    n = 0
    with (
        held_output(path, overwrite=overwrite),
        output_errors(path),
        partial_file(path) as partial,
        pq.ParquetWriter(partial, schema) as writer,
    ):
        for rows in batches:
            writer.write_table(pa.Table.from_pylist(list(rows), schema=schema))
            n += len(rows)
    return n


def _message(one: WatchedMessage, versions: dict[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {**vars(one), "by": _json(one.by)}
    for name, version in versions.items():
        for answer in one.answers.get(name, ()):
            if answer["version"] == version:
                row |= {f"{name}_{field}": answer[field] for field, _ in ANSWER_FIELDS}
                row[f"{name}_answer"] = None if answer["answer"] is None else _json(answer["answer"])
    return row


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
