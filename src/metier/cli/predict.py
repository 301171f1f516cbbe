"""`metier predict`: predict with a trained model, for texts or for a file of any size."""

import functools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
from rich.cells import cell_len

from metier.bundles import Bundle, load_bundle, resolve_bundle, resolve_candidate
from metier.cli.commands import HELP
from metier.cli.console import ProgressLines, count, duration, percentage, print_json, progress_console
from metier.cli.pipes import PIPE, file_for_stdout, stdin_as_file, written_like
from metier.cli.row_options import named_roles, reading_options, role_option, text_option
from metier.cli.speech import lang_option, spoken
from metier.data.reading import iterate
from metier.data.rows import Rows
from metier.data.trained_columns import with_columns
from metier.data.writing import TableWriter, open_writer
from metier.errors import CallError, DataError
from metier.machine import usable_cores
from metier.progress import Listener, Progress, ignore
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers import AnswerKind
from metier.tasks.inputs import InputKind

BATCH_ROWS = 2_048  # Enough to keep the threads busy; a few MB of texts.
BATCH_LINES = 256
REVIEW = "needs_review"
# Files whose cells hold one value each.
FLAT = frozenset({".csv", ".tsv", ".txt", ".xlsx"})
ONE_LINE_A_ROW = (".csv", ".tsv", ".jsonl", ".ndjson", ".txt")


@click.command(context_settings=HELP, epilog='Example: metier predict runs/demo "my card never came"')
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@click.argument("texts", metavar="[TEXT]...", nargs=-1)
@click.option(
    "--candidate", metavar="NAME", help="Predict with this candidate of the run, not the recommended."
)
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path),
    help="File of rows: CSV, TSV, JSON, JSON lines, Parquet, Excel, or gzip of these; - for stdin.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="File to write: the rows and their answers; its ending decides the format; - for stdout.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file of --output where there is one.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "tsv", "jsonl"]),
    help="Format of stdin and stdout. Default: of stdin by its first line, of stdout that of the input.",
)
@text_option
@role_option
@reading_options
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="K",
    help="Also give the K most probable labels; of a search, the K best texts.",
)
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    metavar="X",
    help="Mark answers whose probability is below X, 0 to 1, for a person to look at.",
)
@lang_option()
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
    candidate: str | None,
    texts: tuple[str, ...],
    source: Path | None,
    output: Path | None,
    overwrite: bool,
    form: str | None,
    text: str | None,
    roles: tuple[str, ...],
    top: int | None,
    min_confidence: float | None,
    lang: str | None,
    stream: bool,
    threads: int | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Predict for texts or for a whole file with a trained model.

    Give texts, or - to answer each line of stdin as it comes, or --input and --output. A file is read, answered and
    written in batches, so its size does not matter; its columns are kept, and label, probability and answered_by are
    added after them. A CSV file keeps its encoding and its delimiter.

    --min-confidence keeps every answer, and adds needs_review: true where a person should look.
    """
    _check_call(texts, source, output, stream=stream)
    if output == PIPE and as_json:
        raise click.UsageError("--output - and --json would both write to stdout; leave out one of them.")
    if output not in (None, PIPE) and output.exists() and not overwrite:
        raise CallError(f"{output} exists already. Add --overwrite, or name another file with --output.")
    folder = resolve_bundle(bundle) if candidate is None else resolve_candidate(bundle, candidate)
    model = load_bundle(folder, threads=threads or (usable_cores() if source else 1))
    wanted = Wanted(top, _checked(min_confidence, model))
    if source is not None and output is not None:
        columns = how | named_roles(roles) | ({"text": text} if text else {})
        facts = _answer_file(model, source, output, columns=columns, wanted=wanted, form=form)
        print_json(facts) if as_json else _print_facts(facts)
        return
    for batch in _batches_of_stdin() if texts == ("-",) else [list(texts)]:
        if stream:
            _stream_each(model, batch, as_json=as_json)
            continue
        records = wanted.records(model.predict(_items(batch, model.input_kind)))
        if as_json:
            for record in records:
                print_json(record)
        else:
            _print_lines(batch, records, model.answer_kind, wanted)


@dataclass(frozen=True)
class Wanted:
    """What an answer should say besides itself.

    Parameters
    ----------
    top : int or None
        How many labels or texts to list; None: none.
    min_confidence : float or None
        Answers that are less probable are marked for a person; None: none is.
    """

    top: int | None = None
    min_confidence: float | None = None

    def records(self, answers: AnswerBatch) -> list[dict[str, Any]]:
        """Give the answers as plain facts."""
        records = [answers.record(row, self.top) for row in range(len(answers))]
        if self.min_confidence is None:
            return records
        return [record | {REVIEW: bool(record["probability"] < self.min_confidence)} for record in records]


def _checked(min_confidence: float | None, model: Bundle) -> float | None:
    if min_confidence is not None and "probability" not in model.answer_kind.record:
        raise CallError(
            f"--min-confidence needs answers with one probability each, and those of {model.manifest.task.name} have "
            "none. Leave it out."
        )
    return min_confidence


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
    model: Bundle, source: Path, output: Path, *, columns: dict[str, Any], wanted: Wanted, form: str | None
) -> dict[str, Any]:
    with stdin_as_file(source, form) as read, file_for_stdout(output, like=read, form=form) as write:
        return _answered_file(model, read, write, columns=columns, wanted=wanted, called=(source, output))


def _answered_file(
    model: Bundle,
    source: Path,
    output: Path,
    *,
    columns: dict[str, Any],
    wanted: Wanted,
    called: tuple[Path, Path],
) -> dict[str, Any]:
    batches = with_columns(model.manifest.data.roles, functools.partial(_begun, source), **columns)
    first = next(batches)
    layout = written_like(source, output, encoding=columns["encoding"], delimiter=columns["delimiter"])
    for note in (*first.notes, *layout.notes):
        said = spoken().told(note).replace(str(source), str(called[0]))
        progress_console().print(said, markup=False, soft_wrap=True)
    begun = time.perf_counter()
    with ProgressLines() as listener:
        tally = answer_rows(
            model,
            chain([first], batches),
            open_writer(output, encoding=layout.encoding, delimiter=layout.delimiter),
            wanted=wanted,
            total=_rows_roughly(source),
            listener=listener,
        )
    seconds = time.perf_counter() - begun
    return {
        "input": "stdin" if called[0] == PIPE else str(called[0]),
        "output": "stdout" if called[1] == PIPE else str(called[1]),
        "rows": tally.rows,
        "seconds": round(seconds, 3),
        "rows_per_second": round(tally.rows / seconds, 1),
        "answered_by": dict(tally.answered_by.most_common()),
        "columns": list(tally.added.values()),
        **({} if wanted.min_confidence is None else {"needs_review": tally.to_review}),
    }


def _begun(source: Path, **columns: Any) -> Iterator[Rows]:
    """Read the rows of a file in batches; the first is read at once, so that a missing column shows here."""
    batches = iterate(source, BATCH_ROWS, **columns)
    return chain([next(batches)], batches)  # A source without rows is an error of its own.


@dataclass
class Tally:
    """What was answered: rows by the method that answered them, the columns that were added, and marked rows."""

    answered_by: Counter[str] = field(default_factory=Counter)
    added: dict[str, str] = field(default_factory=dict)
    to_review: int = 0

    @property
    def rows(self) -> int:
        """How many rows were answered."""
        return self.answered_by.total()


def answer_rows(
    model: Bundle,
    batches: Iterable[Rows],
    writer: TableWriter,
    *,
    wanted: Wanted,
    total: int | None = None,
    listener: Listener = ignore,
) -> Tally:
    """Answer rows into a file, a batch at a time."""
    begun, what, tally = time.perf_counter(), f"answering into {writer.path.name}", Tally()
    keeps_nested = FLAT.isdisjoint(writer.path.suffixes)
    with writer:
        for batch in batches:
            answers = model.predict(model.input_kind.from_rows(batch))
            records = wanted.records(answers)
            tally.added = tally.added or _free_names(batch, records[0])
            writer.write(
                _with_answers(batch, records, tally.added, model.answer_kind, keeps_nested=keeps_nested)
            )
            tally.answered_by.update(answers.answered_by)
            tally.to_review += sum(record.get(REVIEW, False) for record in records)
            # A rough total must not end the step before its last row.
            expected = None if total is None else max(total, tally.rows + 1)
            speed = tally.rows / (time.perf_counter() - begun)
            listener(Progress(what, tally.rows, expected, facts={"rows_per_second": speed}))
    listener(Progress(what, tally.rows, tally.rows))
    return tally


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


def _free_names(batch: Rows, record: Mapping[str, Any]) -> dict[str, str]:
    """Names of the new columns: where a file has a `label` of its own, ours is `predicted_label`."""
    taken = set(batch.table.column_names)
    names = {}
    for name in record:
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


def _print_lines(
    texts: Sequence[str], records: Sequence[dict[str, Any]], kind: AnswerKind, wanted: Wanted
) -> None:
    answers = [kind.shown(record) for record in records]
    widest = max(cell_len(answer) for answer in answers)
    for text, record, answer in zip(texts, records, answers, strict=True):
        # By hand and not by a table: a line that is cut to the terminal would be cut in a pipe, too.
        sure = f"  {percentage(record['probability']):>7}" if "probability" in record else ""
        shown = f"  {text}" if len(texts) > 1 else ""
        padded = answer + " " * (widest - cell_len(answer))
        mark = f"  {spoken()('needs review')}" if record.get(REVIEW) else ""
        print(f"{padded}{sure}  {record['answered_by']}{mark}{shown}", flush=True)
        for how_sure, other in kind.ranked_lines(record) if wanted.top else ():
            print(f"    {how_sure:>7}  {other}", flush=True)


def _print_facts(facts: dict[str, Any]) -> None:
    # What goes to stdout must be the rows alone.
    file, say = sys.stderr if facts["output"] == "stdout" else sys.stdout, spoken()
    rows, spent = count(facts["rows"]), duration(facts["seconds"])
    told = {"file": facts["output"], "rows": rows, "time": spent, "rate": count(facts["rows_per_second"])}
    print(say("{file}: {rows} rows in {time} ({rate} rows/s)", **told), file=file)
    shares = [
        say("{share} by {name}", share=percentage(rows / facts["rows"]), name=name)
        for name, rows in facts["answered_by"].items()
    ]
    columns = ", ".join(facts["columns"])
    if facts["rows"]:
        print(
            say("answered {shares}; new columns: {columns}", shares=", ".join(shares), columns=columns),
            file=file,
        )
    if "needs_review" in facts:
        part = {
            "rows": count(facts["needs_review"]),
            "share": percentage(facts["needs_review"] / facts["rows"]),
        }
        print(
            say("for a person: {rows} rows ({share}), where {column} is true", **part, column=REVIEW), file=file
        )
