"""Write a corrected copy of a file, a batch of rows at a time, with a log of every change: `metier check --fix`."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from metier.audit.fixes import Fixes
from metier.cli.answered_files import FLAT
from metier.cli.pipes import written_like
from metier.data.columns.role_inference import NONE
from metier.data.formats.batches import as_string, given_values, with_values
from metier.data.output_files import check_output
from metier.data.reading import iterate
from metier.data.row_cleaning import CleaningPlan, cleaned_table
from metier.data.rows import Rows
from metier.data.writing import open_writer
from metier.errors import CallError

BATCH_ROWS = 2_048
LOG = ".changes.jsonl"
LOG_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("column", pa.string()),
        ("before", pa.string()),
        ("after", pa.string()),
        ("rule", pa.string()),
    ]
)
TEXT_ROLES = ("text_pair", "question")
MARK_ROLES = ("spans", "head", "tail", "answers")


def log_of(output: Path) -> Path:
    """Give the file with the changes of a corrected copy, which lies beside it."""
    return output.with_name(output.name + LOG)


def check_fixable(source: Path, output: Path, *, overwrite: bool) -> None:
    """Check before any work that a corrected copy can be written beside a file; raises `CallError` where it cannot."""
    if source.is_dir():
        raise CallError(f"{source} is a folder, and --fix corrects one file. Name a file of rows.")
    check_output(output, overwrite=overwrite)  # A path without a name has no file beside it.
    for path in (output, log_of(output)):
        check_output(path, overwrite=overwrite)
        if path.exists() and source.exists() and source.samefile(path):
            raise CallError(f"{path} is the file that is checked, and stays as it is. Name another file.")


def write_fixed(
    source: Path, output: Path, rows: Rows, fixes: Fixes, *, how: Mapping[str, Any], overwrite: bool
) -> dict[str, Any]:
    """Write a corrected copy and its log, and give how much was changed.

    Parameters
    ----------
    rows : Rows
        The rows of the file, whose roles name its columns.
    how : mapping
        Encoding, delimiter and header, as in `data.reading.iterate`.
    """
    own = rows.roles.named
    texts = [own["text"], *(own[role] for role in TEXT_ROLES if role in own)] if rows.has_texts else []
    marks = tuple(own[role] for role in MARK_ROLES if role in own)
    plan = CleaningPlan(fixes.steps, tuple(texts), marks)
    named = {role: column for role, column in own.items() if role in ("text", *TEXT_ROLES) and rows.has_texts}
    reading = {**how, **named, "head": NONE, "tail": NONE, "image": NONE, "audio": NONE, "messages": NONE}
    layout = written_like(source, output, encoding=how["encoding"], delimiter=how["delimiter"])
    counts = {"cells": 0, "removed": 0, "kept": 0, "rows": 0}
    with ExitStack() as opened:
        writer = open_writer(
            output,
            text=own["text"],
            spans=own.get("spans", "spans"),
            encoding=layout.encoding,
            delimiter=layout.delimiter,
            overwrite=overwrite,
        )
        logged = opened.enter_context(open_writer(log_of(output), overwrite=overwrite))
        opened.enter_context(writer)
        logged.write(LOG_SCHEMA.empty_table())
        first = [_line(None, own.get("spans", "spans"), "I-", "B-", f"line {n}") for n in fixes.stray_lines]
        logged.write(pa.Table.from_pylist(first, LOG_SCHEMA))
        for batch in iterate(source, BATCH_ROWS, repair=True, **reading):
            table, lines, kept = _fixed_batch(batch.table, fixes, plan, counts["rows"])
            counts["rows"] += len(batch)
            counts["kept"] += kept
            counts["removed"] += len(batch) - table.num_rows
            counts["cells"] += sum(line["after"] is not None for line in lines)
            logged.write(pa.Table.from_pylist(lines, LOG_SCHEMA))
            writer.write(_flat(table) if not FLAT.isdisjoint(map(str.lower, output.suffixes)) else table)
    counts["cells"] += len(fixes.stray_lines)
    return {"output": str(output), "log": str(log_of(output)), **counts}


def _fixed_batch(
    table: pa.Table, fixes: Fixes, plan: CleaningPlan, first_row: int
) -> tuple[pa.Table, list[dict[str, Any]], int]:
    """Give the rows as they shall be, the lines of the log, and how many changes would reach into what is marked."""
    span = range(first_row, first_row + table.num_rows)
    lines = []
    for column in {column for row, column in fixes.cells if row in span and column in table.column_names}:
        table, changed = _with_cells(table, column, fixes, first_row)
        lines += changed
    table, tally = cleaned_table(table, plan, first_row=first_row)
    lines += [
        _line(row, column, change.before, change.after, change.step) for (row, column), change in tally.changes
    ]
    removed = [row for row in span if row in fixes.removed]
    for row in removed:
        column, rule = fixes.removed[row]
        before = as_string(table.column(column)[row - first_row].as_py())
        lines.append(_line(row + 1, column, before, None, f"row removed: {rule}"))
    if removed:
        kept = np.setdiff1d(np.arange(table.num_rows), np.array(removed) - first_row)
        table = _taken(table, kept)
    return table, sorted(lines, key=lambda line: line["row"]), len(tally.kept)


def _with_cells(
    table: pa.Table, column: str, fixes: Fixes, first_row: int
) -> tuple[pa.Table, list[dict[str, Any]]]:
    given = given_values(table.schema.field(column), table.num_rows)
    values = list(table.column(column).to_pylist() if given is None else given)
    lines = []
    for place, before in enumerate(values):
        after, rule = fixes.cells.get((first_row + place, column), (before, ""))
        if rule and as_string(after) != as_string(before):
            lines.append(_line(first_row + place + 1, column, as_string(before), as_string(after), rule))
            values[place] = after
    kind = table.schema.field(column).type
    if pa.types.is_nested(kind):
        place = table.column_names.index(column)
        return table.set_column(place, column, pa.array(values, kind)), lines
    return with_values(table, column, values), lines


def _taken(table: pa.Table, kept: np.ndarray) -> pa.Table:
    """Give some rows, of columns that remember what they held in their file, too."""
    given = {field.name: given_values(field, table.num_rows) for field in table.schema}
    taken = table.take(pa.array(kept))
    for name, values in given.items():
        if values is not None:
            taken = with_values(taken, name, [values[place] for place in kept.tolist()])
    return taken


def _flat(table: pa.Table) -> pa.Table:
    for name in [one.name for one in table.schema if pa.types.is_nested(one.type)]:
        strings = [as_string(value) for value in table.column(name).to_pylist()]
        table = table.set_column(table.column_names.index(name), name, pa.array(strings, pa.string()))
    return table


def _line(row: int | None, column: str, before: str | None, after: str | None, rule: str) -> dict[str, Any]:
    return {"row": row, "column": column, "before": before, "after": after, "rule": rule}
