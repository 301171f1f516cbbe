"""Clean a file of any size into another, a batch of rows at a time, with a log of every change."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from metier.cli.answered_files import FLAT, rows_roughly
from metier.cli.pipes import written_like
from metier.data.columns.role_inference import NONE, infer_structured_roles
from metier.data.columns.spans import parse_spans
from metier.data.columns.value_faults import FaultError
from metier.data.formats.batches import as_string
from metier.data.formats.data_file import FORMATS
from metier.data.reading import iterate
from metier.data.row_cleaning import CleaningPlan, CleaningTally, Place, cleaned_table
from metier.data.rows import COLUMN_TYPES, Rows
from metier.data.writing import TableWriter, open_writer
from metier.errors import DataError, MissingColumnError
from metier.progress import Listener, Progress
from metier.text.cleaning import Change, LineCounts, clean
from metier.text.cleaning.cleaner import BOILERPLATE, PERSONAL_DATA, STEPS
from metier.text.personal_data import find_personal_data, masked

BATCH_ROWS = 2_048
TEXT_ROLES = ("text_pair", "question")  # Cleaned beside the text.
MARK_ROLES = ("spans", "head", "tail", "answers")
SAMPLE_ROWS = 500  # Of the columns that are not cleaned, looked at for personal data.
MOST_EXAMPLES = 2
EXAMPLE_CHARACTERS = 60
LOG_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("column", pa.string()),
        ("step", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("before", pa.string()),
        ("after", pa.string()),
        ("is_done", pa.bool_()),
    ]
)


@dataclass
class _Sum:
    """What was done to all rows; of the changes themselves only numbers and a few examples are kept."""

    rows: int = 0
    changed: set[int] = field(default_factory=set)
    changes: Counter[str] = field(default_factory=Counter)
    in_rows: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    entities: Counter[str] = field(default_factory=Counter)
    in_marked: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    left_alone: list[int] = field(default_factory=list)
    emptied: list[int] = field(default_factory=list)
    personal_left: list[int] = field(default_factory=list)

    def add(self, tally: CleaningTally, log: list[dict[str, Any]]) -> None:
        """Add what was done to a batch; `log` holds the lines of its changes, those that were left out last."""
        for line in log[: len(tally.changes)]:
            step = line["step"]
            self.changed.add(line["row"])
            self.changes[step] += 1
            self.in_rows[step].add(line["row"])
            if len(self.examples[step]) < MOST_EXAMPLES:
                self.examples[step].append(
                    {**line, "before": _shown(line["before"]), "after": _shown(line["after"])}
                )
        self.entities.update(tally.entities)
        self.in_marked += sorted({row for (row, _), change in tally.changes if change.is_marked})
        self.kept += sorted({row for (row, _), _ in tally.kept})
        self.personal_left += sorted({row for (row, _), change in tally.kept if change.is_personal})
        self.left_alone += tally.left_alone
        self.emptied += tally.emptied


def clean_file(
    source: Path,
    output: Path,
    log: Path,
    plan: CleaningPlan,
    *,
    how: Mapping[str, Any],
    roles: Mapping[str, str],
    overwrite: bool,
    listener: Listener,
) -> dict[str, Any]:
    """Clean a file into another, and give what was done.

    Parameters
    ----------
    plan : CleaningPlan
        Its `columns` are further ones; the texts and what marks them are found in the file.
    how : mapping
        Encoding, delimiter and header, as in `data.reading.iterate`.
    roles : mapping
        Columns that the user named for roles.

    Raises
    ------
    DataError
        If the file cannot be read, or holds no texts.
    MissingColumnError
        If a column is not there.
    """
    inputs = {role: column for role, column in roles.items() if role not in MARK_ROLES}
    reading = {**how, **inputs, "head": NONE, "tail": NONE, "image": NONE, "audio": NONE}
    first = next(iterate(source, BATCH_ROWS, **reading))
    plan = _completed(plan, first, roles)
    if BOILERPLATE in plan.steps:
        plan = replace(plan, repeated_lines=_repeated_lines(iterate(source, BATCH_ROWS, **reading), plan))
    layout = written_like(source, output, encoding=how["encoding"], delimiter=how["delimiter"])
    total = None if source.is_dir() else rows_roughly(source)
    done = _Sum()
    with ExitStack() as opened:
        writer = open_writer(
            output,
            text=plan.columns[0] if plan.columns else "text",
            spans=plan.marks[0] if plan.marks else "spans",
            encoding=layout.encoding,
            delimiter=layout.delimiter,
            overwrite=overwrite,
        )
        logged = opened.enter_context(open_writer(log, overwrite=overwrite))
        opened.enter_context(writer)
        logged.write(LOG_SCHEMA.empty_table())
        for batch in iterate(source, BATCH_ROWS, **reading):
            table, tally = cleaned_table(_own_columns(batch, plan), plan, first_row=done.rows)
            lines = _log_lines(tally, plan)
            logged.write(pa.Table.from_pylist(lines, LOG_SCHEMA))
            writer.write(_as_written(table, plan, writer, source, done.rows))
            done.add(tally, lines)
            done.rows += len(batch)
            listener(Progress("cleaning", done.rows, max(total or 0, done.rows) or None))
    log.chmod(0o600)
    return _facts(source, output, log, first, plan, done, (*first.notes, *layout.notes))


def _completed(plan: CleaningPlan, rows: Rows, roles: Mapping[str, str]) -> CleaningPlan:
    """Give the plan with the columns of texts, and those that mark pieces of them."""
    if not rows.has_texts:
        raise DataError(
            f"{rows.origin} holds images or recordings, and no texts. Name the column of texts with --text."
        )
    for column in plan.columns:
        if column not in rows.table.column_names:
            raise MissingColumnError(
                column, found=rows.table.column_names, origin=rows.origin, flag="--columns"
            )
    own = rows.roles.named
    if rows.roles.messages is not None:
        return replace(plan, messages=rows.roles.messages)
    texts = [rows.roles.text, *(own[role] for role in TEXT_ROLES if role in own)]
    chosen = {"text": rows.roles.text, **{role: own[role] for role in TEXT_ROLES if role in own}}
    chosen |= {role: column for role, column in roles.items() if column in rows.table.column_names}
    found = {**chosen, **infer_structured_roles(rows.table, chosen, set(), needs_target=True)}
    marks = [found[role] for role in MARK_ROLES if role in found]
    return replace(plan, columns=tuple(dict.fromkeys([*texts, *plan.columns])), marks=tuple(marks))


def _own_columns(batch: Rows, plan: CleaningPlan) -> pa.Table:
    """Give the columns of the file: the last turn of a conversation was added in reading."""
    if plan.messages is None:
        return batch.table
    was_added = f"text is the last user turn in {plan.messages}" in batch.notes
    return batch.table.drop_columns(["text"]) if was_added else batch.table


def _repeated_lines(batches: Iterator[Rows], plan: CleaningPlan) -> frozenset[str]:
    """Count lines after the steps that come before."""
    before = [step for step in plan.steps if STEPS.index(step) < STEPS.index(BOILERPLATE)]
    counts = LineCounts()
    for batch in batches:
        for column in plan.columns[:1]:
            texts = batch.table.column(column).to_pylist()
            # A text of one line has none to spare; markup may hold ends of lines.
            counts.add(clean(text, before).text for text in texts if text and ("\n" in text or "<" in text))
        if counts.is_full:
            break
    return counts.repeated()


def _log_lines(tally: CleaningTally, plan: CleaningPlan) -> list[dict[str, Any]]:
    lines = [_log_line(place, change, plan, is_done=True) for place, change in tally.changes]
    return lines + [_log_line(place, change, plan, is_done=False) for place, change in tally.kept]


def _log_line(place: Place, change: Change, plan: CleaningPlan, *, is_done: bool) -> dict[str, Any]:
    before = change.before
    if change.is_personal:
        before = "*" * len(before)  # The log says what it was and where, and not which.
    elif PERSONAL_DATA in plan.steps:
        before = masked(before, operator="mask").text
    return {
        "row": place[0],
        "column": place[1],
        "step": change.step,
        "start": change.start,
        "end": change.end,
        "before": before,
        "after": change.after,
        "is_done": is_done,
    }


def _as_written(
    table: pa.Table, plan: CleaningPlan, writer: TableWriter, source: Path, first_row: int
) -> pa.Table:
    """Give the table in the types that the format of the output holds."""
    suffixes = [suffix.lower() for suffix in writer.path.suffixes]
    if any(FORMATS.get(suffix) == "CoNLL" for suffix in suffixes) and plan.marks:
        return _with_parsed_spans(table, plan, source, first_row)
    if FLAT.isdisjoint(suffixes):
        return table
    for name in [one.name for one in table.schema if pa.types.is_nested(one.type)]:
        strings = [as_string(value) for value in table.column(name).to_pylist()]
        table = table.set_column(table.column_names.index(name), name, pa.array(strings, pa.string()))
    return table


def _with_parsed_spans(table: pa.Table, plan: CleaningPlan, source: Path, first_row: int) -> pa.Table:
    name, texts = plan.marks[0], table.column(plan.columns[0]).to_pylist()
    parsed = []
    for row, (text, value) in enumerate(zip(texts, table.column(name).to_pylist(), strict=True), first_row + 1):
        try:
            parsed.append(parse_spans(value or [], text or ""))
        except FaultError as fault:
            raise DataError(
                f"{source}, row {row}: {fault.found} CoNLL cannot hold this. Write JSON lines (.jsonl), "
                "and check them with metier check."
            ) from None
    return table.set_column(table.column_names.index(name), name, pa.array(parsed, COLUMN_TYPES["spans"]))


def _not_cleaned(rows: Rows, plan: CleaningPlan) -> list[str]:
    """Give the columns, of those that are not cleaned, in which the first rows have personal data."""
    if PERSONAL_DATA not in plan.steps:
        return []
    cleaned = {*plan.columns, *plan.marks, plan.messages, "tokens"}
    found = []
    for name in (name for name in _own_columns(rows, plan).column_names if name not in cleaned):
        values = map(as_string, rows.table.column(name).slice(0, SAMPLE_ROWS).to_pylist())
        if any(find_personal_data(value, entities=plan.entities) for value in values if value):
            found.append(name)
    return found


def _facts(
    source: Path, output: Path, log: Path, first: Rows, plan: CleaningPlan, done: _Sum, notes: tuple[str, ...]
) -> dict[str, Any]:
    steps = {
        step: {"changes": done.changes[step], "rows": len(done.in_rows[step]), "examples": done.examples[step]}
        for step in STEPS
        if done.changes[step]
    }
    return {
        "file": str(source),
        "output": str(output),
        "log": str(log),
        "rows": done.rows,
        "rows_changed": len(done.changed),
        "columns": [*plan.columns, *([plan.messages] if plan.messages else [])],
        "marks": list(plan.marks),
        "steps_taken": list(plan.steps),
        "steps": steps,
        "personal_data": dict(done.entities.most_common()),
        "changed_in_marked": done.in_marked,
        "kept": done.kept,
        "left_alone": done.left_alone,
        "emptied": done.emptied,
        "personal_data_left": done.personal_left,
        "not_cleaned": _not_cleaned(first, plan),
        "notes": list(notes),
    }


def _shown(piece: str) -> str:
    shown = piece if len(piece) <= EXAMPLE_CHARACTERS else piece[: EXAMPLE_CHARACTERS - 1] + "…"
    return repr(shown)
