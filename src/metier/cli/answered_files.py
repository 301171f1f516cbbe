"""Answer a file of any size into another, a batch of rows at a time."""

import functools
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from metier.bundles import Bundle
from metier.bundles.claim_check import UNSUPPORTED
from metier.bundles.output_filter import WITHHELD
from metier.cli.confidence_rule import ConfidenceRule
from metier.cli.console import ProgressLines, progress_console
from metier.cli.pipes import PIPE, WrittenAs, file_for_stdout, how_stdin_is_read, stdin_as_file, written_like
from metier.cli.speech import spoken
from metier.data.columns.embedded_images import without_bytes
from metier.data.reading import iterate
from metier.data.resumable_writing import ResumableWriter, RowWriter, WholeWriter, can_resume
from metier.data.rows import Rows
from metier.data.trained_columns import with_columns
from metier.data.writing import form_builder
from metier.errors import CallError, DataError
from metier.evaluation.conformal_sets import LabelSets
from metier.progress import Listener, Progress, ignore
from metier.tasks.answer_batches import AnswerBatch, Answers
from metier.tasks.answers import AnswerKind

BATCH_ROWS = 2_048  # Enough to keep the threads busy; a few MB of texts.
REVIEW = "needs_review"
LABEL_SET = "label_set"
NOT_ANSWERED = "not_answered"
PARSED_PARTS = frozenset({"head", "tail", "messages"})  # Roles whose values are parsed while rows are read.
# Files whose cells hold one value each.
FLAT = frozenset({".csv", ".tsv", ".txt", ".xlsx"})
ONE_LINE_A_ROW = (".csv", ".tsv", ".jsonl", ".ndjson", ".txt")


@dataclass(frozen=True)
class Wanted:
    """What an answer should say besides itself.

    Parameters
    ----------
    top : int or None
        How many labels or texts to list; None: none.
    min_confidence : ConfidenceRule or None
        Which answers are marked for a person; None: none is.
    safe_csv : bool
        Whether cells of CSV that a spreadsheet would take for formulas are written as text.
    label_sets : LabelSets or None
        Rule of the sets of labels that are to hold the true one; None: there are none.
    """

    top: int | None = None
    min_confidence: ConfidenceRule | None = None
    safe_csv: bool = False
    label_sets: LabelSets | None = None

    def records(self, answers: AnswerBatch) -> list[dict[str, Any]]:
        """Give the answers as plain facts."""
        records = [answers.record(row, self.top) for row in range(len(answers))]
        if self.label_sets is not None and isinstance(answers, Answers):
            sets = sets_of(self.label_sets, answers)
            records = [record | {LABEL_SET: own} for record, own in zip(records, sets, strict=True)]
        rule = self.min_confidence
        return records if rule is None else [record | {REVIEW: rule.needs_review(record)} for record in records]


@dataclass(frozen=True)
class Kept:
    """What becomes of a file that is there, and of an unfinished one.

    Parameters
    ----------
    overwrite : bool
        Whether either may be replaced.
    resume : bool
        Whether an unfinished one is gone on with.
    call : mapping of str to str
        What the answers depend on, by names that are shown: another call cannot go on.
    """

    overwrite: bool = False
    resume: bool = False
    call: Mapping[str, str] = field(default_factory=dict)


def sets_of(rule: LabelSets, answers: Answers) -> list[list[str]]:
    """Give the set of labels of each answer, the most probable first; an empty one where no label is probable enough."""
    order = np.argsort(-answers.probabilities, axis=1, kind="stable")
    inside = np.take_along_axis(rule.sets(answers.probabilities), order, axis=1)
    return [[answers.labels[place] for place in row[held]] for row, held in zip(order, inside, strict=True)]


@dataclass
class Tally:
    """What was answered: rows by the method that answered them, the columns that were added, and marked rows.

    Parameters
    ----------
    to_review : int
        Rows that are marked for a person.
    empty_sets : int
        Rows whose set of labels is empty.
    not_answered : int
        Rows that lack a part of the question.
    withheld : int
        Texts that a filter does not show.
    resumed : int
        Rows that were there already.
    """

    answered_by: Counter[str] = field(default_factory=Counter)
    added: dict[str, str] = field(default_factory=dict)
    to_review: int = 0
    empty_sets: int = 0
    not_answered: int = 0
    withheld: int = 0
    resumed: int = 0

    @classmethod
    def of(cls, facts: Mapping[str, Any], n_done: int) -> Self:
        """Give the tally of rows that were there already, from what was kept of them."""
        counted = Counter(facts.get("answered_by", {}))
        return cls(**{**facts, "answered_by": counted, "resumed": n_done})

    def facts(self) -> dict[str, Any]:
        """Give what `of` takes."""
        # Of a Counter `asdict` would count the pairs.
        return vars(self) | {"answered_by": dict(self.answered_by)}

    def add(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Count the answers of a batch."""
        self.not_answered += sum(record.get(NOT_ANSWERED) is not None for record in records)
        self.answered_by.update(one["answered_by"] for one in records if not one.get(NOT_ANSWERED))
        self.empty_sets += sum(record.get(LABEL_SET) == [] for record in records)
        self.to_review += sum(record.get(REVIEW, False) for record in records)
        self.withheld += sum(record.get(WITHHELD) is not None for record in records)

    @property
    def rows(self) -> int:
        """How many rows were written."""
        return self.answered_by.total() + self.not_answered


def answer_file(
    model: Bundle,
    source: Path,
    output: Path,
    *,
    columns: dict[str, Any],
    wanted: Wanted,
    form: str | None,
    kept: Kept,
) -> dict[str, Any]:
    """Answer the rows of a file into another, either of them `-` for a pipe.

    Parameters
    ----------
    columns : dict
        Columns by their role as the user states them, and how the file is read.
    form : {"csv", "tsv", "jsonl"} or None
        The format of pipes; None: seen by the first line.
    kept : Kept
        What becomes of a file that is there, and of an unfinished one.

    Returns
    -------
    dict
        What was written, how fast, by which methods, and how many rows are for a person.
    """
    columns = columns | how_stdin_is_read(source, form, columns["delimiter"])
    with stdin_as_file(source, form) as read, file_for_stdout(output, like=read, form=form) as write:
        called = (source, output)
        return _answered_file(model, read, write, columns=columns, wanted=wanted, called=called, kept=kept)


def _answered_file(
    model: Bundle,
    source: Path,
    output: Path,
    *,
    columns: dict[str, Any],
    wanted: Wanted,
    called: tuple[Path, Path],
    kept: Kept,
) -> dict[str, Any]:
    begin = functools.partial(with_columns, model.manifest.data.roles, functools.partial(_begun, source))
    if not PARSED_PARTS.isdisjoint(model.input_kind.parts):
        for _ in begin(**columns):
            pass  # A value that cannot be read stops here, before the first answer and not after half of them.
    batches = begin(**columns)
    first = next(batches)
    layout = written_like(source, output, encoding=columns["encoding"], delimiter=columns["delimiter"])
    for note in (*first.notes, *layout.notes):
        progress_console().print(
            spoken().told(note).replace(str(output), str(called[1])), markup=False, soft_wrap=True
        )
    begun = time.perf_counter()
    with ProgressLines() as listener:
        tally = _answer_rows(
            model,
            chain([first], batches),
            _writer(output, layout, wanted, kept, is_piped=PIPE in called),
            wanted=wanted,
            total=rows_roughly(source),
            listener=listener,
        )
    return facts_of(model, tally, called, wanted, seconds=time.perf_counter() - begun)


def facts_of(
    model: Bundle, tally: Tally, called: tuple[Path, Path], wanted: Wanted, *, seconds: float
) -> dict[str, Any]:
    """Give what is said of an answered file; `called` are its source and output as the user names them."""
    return {
        "input": "stdin" if called[0] == PIPE else str(called[0]),
        "output": "stdout" if called[1] == PIPE else str(called[1]),
        "rows": tally.rows,
        "seconds": round(seconds, 3),
        "rows_per_second": round((tally.rows - tally.resumed) / seconds, 1),
        **({"resumed_after": tally.resumed} if tally.resumed else {}),
        "answered_by": dict(tally.answered_by.most_common()),
        "columns": list(tally.added.values()),
        **({} if wanted.min_confidence is None else {"needs_review": tally.to_review}),
        **({} if wanted.label_sets is None else {"empty_sets": tally.empty_sets}),
        **({"not_answered": tally.not_answered} if model.input_kind.parts else {}),
        **({"withheld": tally.withheld} if WITHHELD in tally.added else {}),
    }


def _writer(output: Path, layout: WrittenAs, wanted: Wanted, kept: Kept, *, is_piped: bool) -> RowWriter:
    """Give what writes the rows: in parts that outlive a kill, where the file can be gone on with."""
    build = form_builder(
        output, encoding=layout.encoding, delimiter=layout.delimiter, safe_cells=wanted.safe_csv
    )
    if can_resume(output) and not is_piped:
        return ResumableWriter(output, build, call=kept.call, overwrite=kept.overwrite, resume=kept.resume)
    if kept.resume:
        raise CallError(
            "--resume works from a file to one of CSV, TSV, JSON lines or Parquet, not with a pipe or another format. "
            "Leave out --resume."
        )
    return WholeWriter(output, build, overwrite=kept.overwrite)


def _begun(source: Path, **columns: Any) -> Iterator[Rows]:
    """Read the rows of a file in batches; the first is read at once, so that a missing column shows here."""
    batches = iterate(source, BATCH_ROWS, **columns)
    return chain([next(batches)], batches)  # A source without rows is an error of its own.


def _answer_rows(
    model: Bundle,
    batches: Iterable[Rows],
    writer: RowWriter,
    *,
    wanted: Wanted,
    total: int | None = None,
    listener: Listener = ignore,
) -> Tally:
    """Answer rows into a file, a batch at a time; those that it has already are read, and not asked again."""
    begun, what = time.perf_counter(), f"answering into {writer.path.name}"
    keeps_nested = FLAT.isdisjoint(writer.path.suffixes)
    with writer:
        tally = Tally.of(writer.kept, writer.n_done)
        for batch in _after(batches, writer.n_done):
            records = records_of(model, batch, wanted, is_first=not tally.added)
            tally.added = tally.added or free_names(batch, max(records, key=len))
            writer.write(
                with_answers(batch, records, tally.added, model.answer_kind, keeps_nested=keeps_nested)
            )
            tally.add(records)
            writer.keep(tally.facts())
            # A rough total must not end the step before its last row.
            expected = total if total is not None and tally.rows < total else None
            speed = (tally.rows - tally.resumed) / (time.perf_counter() - begun)
            listener(Progress(what, tally.rows, expected, facts={"rows_per_second": speed}))
    listener(Progress(what, tally.rows, tally.rows))
    return tally


def _after(batches: Iterable[Rows], n_done: int) -> Iterator[Rows]:
    """Leave out the first rows."""
    for batch in batches:
        if n_done >= len(batch):
            n_done -= len(batch)
            continue
        yield batch.take(range(n_done, len(batch))) if n_done else batch
        n_done = 0


def records_of(model: Bundle, batch: Rows, wanted: Wanted, *, is_first: bool) -> list[dict[str, Any]]:
    """Answer the rows of a batch; one that lacks a part of the question has empty answers and the reason.

    Raises
    ------
    MissingSideError, MissingLabelError
        If none of the first rows can be asked: then the columns are wrong, and not the rows.
    """
    faults = model.input_kind.row_faults(batch)
    asked = [position for position in range(len(batch)) if position not in faults]
    if faults and not asked and is_first:
        model.input_kind.from_rows(batch)
    given = batch.take(asked) if faults else batch
    answered = wanted.records(model.predict(model.input_kind.from_rows(given))) if asked else []
    if not model.input_kind.parts:
        return answered
    found = iter(answered)
    return [
        {NOT_ANSWERED: reason} if (reason := faults.get(position)) else next(found) | {NOT_ANSWERED: None}
        for position in range(len(batch))
    ]


def rows_roughly(source: Path) -> int | None:
    """Count rows for the progress bar alone: by line ends, which a quoted text may hold, too; or not at all."""
    if source.suffix.lower() == ".parquet":
        return int(pq.read_metadata(source).num_rows)
    if source.suffix.lower() not in ONE_LINE_A_ROW:
        return None
    with source.open("rb") as file:
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
    return (
        max(0, lines - 1) if source.suffix.lower() in (".csv", ".tsv") else lines
    )  # The first names the columns.


def free_names(batch: Rows, record: Mapping[str, Any]) -> dict[str, str]:
    """Names of the new columns: where a file has a `label` of its own, ours is `predicted_label`."""
    taken = set(batch.table.column_names)
    names = {}
    for name in record:
        free = name
        while free in taken:
            free = f"predicted_{free}"
        names[name] = free
    return names


def with_answers(
    batch: Rows,
    records: Sequence[dict[str, Any]],
    names: dict[str, str],
    kind: AnswerKind,
    *,
    keeps_nested: bool,
) -> pa.Table:
    """Give the rows with the columns of their answers behind their own."""
    table = without_bytes(batch.table)
    clash = set(names.values()).intersection(table.column_names)
    if clash:
        raise DataError(
            f"{batch.origin} has a column {clash.pop()!r} that is missing in the rows before. "
            "Give its first row every column, null where it has no value."
        )
    for key, name in names.items():
        values = [record.get(key) for record in records]
        # Labels are not keys of a struct: a mapping is written as JSON, and so is a list where cells are flat.
        if any(isinstance(value, dict) or (isinstance(value, list) and not keeps_nested) for value in values):
            values = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
        parts = kind.nested_columns.get(key) if keeps_nested else None
        stated = (
            _nested(parts) if parts else pa.string() if key in (NOT_ANSWERED, WITHHELD, UNSUPPORTED) else None
        )
        table = table.append_column(name, pa.array(values, type=stated))
    return table


def _nested(parts: Mapping[str, str]) -> pa.DataType:
    """Give the type of lists of structures; named here so that a batch without any has the type of the others."""
    return pa.list_(pa.struct([(part, pa.type_for_alias(alias)) for part, alias in parts.items()]))
