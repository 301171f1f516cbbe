"""`metier predict`: predict with a trained model, for texts or for a file of any size."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
from rich.cells import cell_len

from metier.bundles import Bundle, load_bundle, resolve_bundle
from metier.cli.commands import HELP
from metier.cli.console import ProgressLines, count, duration, percentage, print_json, progress_console
from metier.cli.row_options import named_roles, role_option, text_option
from metier.data.reading import iterate
from metier.data.rows import Rows
from metier.data.writing import open_writer
from metier.errors import CallError, DataError
from metier.machine import usable_cores
from metier.progress import Listener, Progress, ignore
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers import AnswerKind
from metier.tasks.inputs import InputKind

BATCH_ROWS = 2_048  # Enough to keep the threads busy; a few MB of texts.
BATCH_LINES = 256
# Files whose cells hold one value each.
FLAT = frozenset({".csv", ".tsv", ".txt", ".xlsx"})
ONE_LINE_A_ROW = (".csv", ".tsv", ".jsonl", ".ndjson", ".txt")


@click.command(context_settings=HELP, epilog='Example: metier predict runs/demo "my card never came"')
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path),
    help="File of rows: CSV, TSV, JSON, JSON lines, Parquet, or gzip of these.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="File to write: the rows and their answers; its ending decides the format.",
)
@text_option
@role_option
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="K",
    help="Also print the probabilities of the K most probable labels.",
)
@click.option("--stream", is_flag=True, help="Show a generated text piece by piece, as the model generates it.")
@click.option(
    "--threads", type=click.IntRange(min=1), help="Threads. Default: one for texts, all cores for a file."
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON object per text; for a file, one with the totals at the end.",
)
def predict(  # One parameter an option, as click hands them over.
    *,
    bundle: Path,
    texts: tuple[str, ...],
    source: Path | None,
    output: Path | None,
    text: str | None,
    roles: tuple[str, ...],
    top: int | None,
    stream: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Predict for texts or for a whole file with a trained model.

    Give texts, or - to answer each line of stdin as it comes, or --input and --output. A file is read, answered
    and written in batches, so its size does not matter; its columns are kept, and label, probability and
    answered_by are added after them.
    """
    _check_call(texts, source, output, stream=stream)
    model = load_bundle(resolve_bundle(bundle), threads=threads or (usable_cores() if source else 1))
    if source is not None and output is not None:
        columns = named_roles(roles) | ({"text": text} if text else {})
        facts = _answer_file(model, source, output, columns=columns, top=top)
        print_json(facts) if as_json else _print_facts(facts)
        return
    for batch in _batches_of_stdin() if texts == ("-",) else [list(texts)]:
        if stream:
            _stream_each(model, batch, as_json=as_json)
            continue
        answers = model.predict(_items(batch, model.input_kind))
        records = [answers.record(row, top) for row in range(len(answers))]
        if as_json:
            for record in records:
                print_json(record)
        else:
            _print_lines(batch, records, model.answer_kind)


def _check_call(texts: Sequence[str], source: Path | None, output: Path | None, *, stream: bool) -> None:
    if stream and source is not None:
        raise click.UsageError("--stream works for texts, not for a file; leave out --stream or --input.")
    if texts and source is not None:
        raise click.UsageError("Found texts and --input; give one of them.")
    if not texts and source is None:
        raise click.UsageError(
            "There is nothing to predict. Give a text, - for the lines of stdin, or --input FILE."
        )
    if source is None or output is None:
        if (source is None) == (output is None):
            return
        raise click.UsageError(
            "--input and --output go together: the rows of --input are written to --output with their answers."
        )
    if source.exists() and output.exists() and source.samefile(output):
        raise click.UsageError("--output would replace the file that --input reads. Name another file.")


def _items(texts: Sequence[str], kind: InputKind) -> list[Any]:
    """Give what was typed as the model takes it: texts, or JSON objects where a question has several parts."""
    items: list[Any] = []
    for text in texts:
        item = text if _is_question(text, kind) else _from_json(text, kind)
        fault = kind.fault(item)
        if fault:
            raise CallError(f"{text[:60]!r}: {fault}")
        items.append(item)
    return items


def _is_question(text: str, kind: InputKind) -> bool:
    """Whether a typed text is a question by itself; where a question may have parts, one in braces is JSON."""
    may_be_text = kind.fault(text) is None
    return may_be_text and (isinstance(kind.example, str) or not text.lstrip().startswith("{"))


def _from_json(text: str, kind: InputKind) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        example = json.dumps(kind.example, ensure_ascii=False)
        raise CallError(
            f"This model asks for {' and '.join(kind.keys)}, so each argument is a JSON object such as "
            f"'{example}'; {text[:60]!r} is none ({error}). For a file use --input."
        ) from None


def _answer_file(
    model: Bundle, source: Path, output: Path, *, columns: dict[str, Any], top: int | None
) -> dict[str, Any]:
    batches = iterate(source, BATCH_ROWS, **columns)
    first = next(batches)  # Never missing: a source without rows is an error of its own.
    for note in first.notes:
        progress_console().print(note, markup=False, soft_wrap=True)
    begun = time.perf_counter()
    with ProgressLines() as listener:
        answered_by, added = answer_rows(
            model, chain([first], batches), output, top=top, total=_rows_roughly(source), listener=listener
        )
    seconds, rows = time.perf_counter() - begun, answered_by.total()
    return {
        "input": str(source),
        "output": str(output),
        "rows": rows,
        "seconds": round(seconds, 3),
        "rows_per_second": round(rows / seconds, 1),
        "answered_by": dict(answered_by.most_common()),
        "columns": added,
    }


def answer_rows(
    model: Bundle,
    batches: Iterable[Rows],
    output: Path,
    *,
    top: int | None = None,
    total: int | None = None,
    listener: Listener = ignore,
) -> tuple[Counter[str], list[str]]:
    """Answer rows into a file, a batch at a time.

    Returns
    -------
    tuple of (Counter, list of str)
        Rows by the method that answered them, and the names of the columns that were added.
    """
    begun, what = time.perf_counter(), f"answering into {output.name}"
    answered_by: Counter[str] = Counter()
    added: dict[str, str] = {}
    keeps_nested = FLAT.isdisjoint(output.suffixes)
    with open_writer(output) as writer:
        for batch in batches:
            answers = model.predict(model.input_kind.from_rows(batch))
            added = added or _free_names(batch, answers, top)
            records = [answers.record(row, top) for row in range(len(answers))]
            writer.write(_with_answers(batch, records, added, model.answer_kind, keeps_nested=keeps_nested))
            answered_by.update(answers.answered_by)
            rows = answered_by.total()
            # A rough total must not end the step before its last row.
            expected = None if total is None else max(total, rows + 1)
            speed = rows / (time.perf_counter() - begun)
            listener(Progress(what, rows, expected, facts={"rows_per_second": speed}))
    rows = answered_by.total()
    listener(Progress(what, rows, rows))
    return answered_by, list(added.values())


def _rows_roughly(source: Path) -> int | None:
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


def _free_names(batch: Rows, answers: AnswerBatch, top: int | None) -> dict[str, str]:
    """Names of the new columns: where a file has a `label` of its own, ours is `predicted_label`."""
    taken = set(batch.table.column_names)
    names = {}
    for name in answers.record(0, top):
        free = name
        while free in taken:
            free = f"predicted_{free}"
        names[name] = free
    return names


def _with_answers(
    batch: Rows,
    records: Sequence[dict[str, Any]],
    names: dict[str, str],
    kind: AnswerKind,
    *,
    keeps_nested: bool,
) -> pa.Table:
    table = batch.table
    clash = set(names.values()).intersection(table.column_names)
    if clash:
        raise DataError(
            f"{batch.origin} has a column {clash.pop()!r} that is missing in the rows before. "
            "Give its first row every column, null where it has no value."
        )
    for key, name in names.items():
        values = [record[key] for record in records]
        # Labels are not keys of a struct: a mapping is written as JSON, and so is a list where cells are flat.
        if any(isinstance(value, dict) or (isinstance(value, list) and not keeps_nested) for value in values):
            values = [json.dumps(value, ensure_ascii=False) for value in values]
        parts = kind.nested_columns.get(key) if keeps_nested else None
        table = table.append_column(name, pa.array(values, type=_nested(parts) if parts else None))
    return table


def _nested(parts: Mapping[str, str]) -> pa.DataType:
    """Give the type of lists of structures; named here so that a batch without any has the type of the others."""
    return pa.list_(pa.struct([(part, pa.type_for_alias(alias)) for part, alias in parts.items()]))


def _batches_of_stdin() -> Iterator[list[str]]:
    # Somebody who types wants each answer at once; a pipe is faster in batches.
    most = 1 if sys.stdin.isatty() else BATCH_LINES
    lines = (line.rstrip("\r\n") for line in sys.stdin)
    while batch := _next_lines(lines, most):
        yield batch


def _next_lines(lines: Iterator[str], most: int) -> list[str]:
    try:
        return list(islice(lines, most))
    except UnicodeDecodeError as error:
        raise DataError(
            f"stdin is not {error.encoding} text ({error.reason}). Convert it first, as with "
            "`iconv -f LATIN1 -t UTF-8`, or give it as a file with --input, whose encoding is detected."
        ) from None


def _stream_each(model: Bundle, texts: Sequence[str], *, as_json: bool) -> None:
    for item in _items(texts, model.input_kind):
        pieces = []
        for piece in model.stream(item):
            pieces.append(piece)
            print_json({"piece": piece}) if as_json else print(piece, end="", flush=True)
        whole = {"text": "".join(pieces), "answered_by": model.name}
        print_json(whole) if as_json else print(f"  {model.name}", flush=True)


def _print_lines(texts: Sequence[str], records: Sequence[dict[str, Any]], kind: AnswerKind) -> None:
    answers = [kind.shown(record) for record in records]
    widest = max(cell_len(answer) for answer in answers)
    for text, record, answer in zip(texts, records, answers, strict=True):
        # By hand and not by a table: a line that is cut to the terminal would be cut in a pipe, too.
        sure = f"  {percentage(record['probability']):>7}" if "probability" in record else ""
        shown = f"  {text}" if len(texts) > 1 else ""
        padded = answer + " " * (widest - cell_len(answer))
        print(f"{padded}{sure}  {record['answered_by']}{shown}", flush=True)
        for other, probability in record.get("probabilities", {}).items():
            print(f"    {percentage(probability):>7}  {other}", flush=True)


def _print_facts(facts: dict[str, Any]) -> None:
    speed = f"{count(facts['rows_per_second'])} rows/s"
    print(f"{facts['output']}: {count(facts['rows'])} rows in {duration(facts['seconds'])} ({speed})")
    shares = (f"{percentage(rows / facts['rows'])} by {name}" for name, rows in facts["answered_by"].items())
    if facts["rows"]:
        print(f"answered {', '.join(shares)}; new columns: {', '.join(facts['columns'])}")
