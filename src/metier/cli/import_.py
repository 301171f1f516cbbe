"""`metier import`: the export of an annotation tool, as rows that every command here reads."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
from rich.text import Text

from metier.cli.commands import HELP
from metier.cli.console import answer_console, count, print_json
from metier.cli.speech import lang_option, spoken, with_language
from metier.data.columns.embedded_images import holds_images
from metier.data.columns.spans import parse_spans
from metier.data.columns.value_faults import FaultError
from metier.data.formats.data_file import FORMATS as ENDINGS
from metier.data.importers import FORMATS, Imported, Tally, import_rows
from metier.data.importers.choosing import AUTO
from metier.data.output_files import check_output
from metier.data.writing import open_writer
from metier.errors import DataError, EmptyDataError

MOST_ROWS_NAMED = 5


@click.command(
    name="import",
    context_settings=HELP,
    epilog="Example: metier import project-1-at-2026-05-04.json --output rows.jsonl",
)
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "named",
    metavar="NAME",
    default=AUTO,
    help=f"{AUTO}, {', '.join(FORMATS)}. Default: {AUTO}, inferred from the content.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write; its ending decides the format: .jsonl, .csv, .parquet, or .conll for spans.",
)
@click.option("--text", metavar="FIELD", help="Field with the text, if the tasks of Label Studio have several.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@lang_option()
def import_file(
    *,
    source: Path,
    named: str,
    output: Path,
    text: str | None,
    overwrite: bool,
    as_json: bool,
    lang: str | None,
) -> None:
    """Convert the export of an annotation tool into rows.

    FILE is an export of Label Studio or doccano, spaCy's DocBin, Rasa's NLU YAML, alpaca or sharegpt JSON as
    LLaMA-Factory reads it, the folder of a Hugging Face data set, or rows of one relation each (--format relations),
    which are gathered by text. What is left out is counted and reported.
    """
    check_output(output, overwrite=overwrite)
    if output.exists() and source.exists() and source.samefile(output):
        raise click.UsageError("--output would replace the file that is imported. Name another file.")
    imported = import_rows(source, format=named, text=text)
    tally = _write(imported, source, output, overwrite=overwrite)
    facts = _facts(source, output, imported, tally)
    print_json(facts) if as_json else _print(facts)


def _write(imported: Imported, source: Path, output: Path, *, overwrite: bool) -> Tally:
    tally = Tally()
    suffix = next((end.lower() for end in reversed(output.suffixes) if end.lower() != ".gz"), "")
    is_conll, keeps_images = ENDINGS.get(suffix) == "CoNLL", ENDINGS.get(suffix) == "Parquet"
    with open_writer(output, overwrite=overwrite) as writer:
        for table in imported.tables:
            if not keeps_images:
                table = table.drop_columns(
                    [name for name in table.column_names if holds_images(table.column(name))]
                )
            if is_conll:
                _check_spans(table, source, tally.rows)
            writer.write(table)
            tally.add(table)
        if not tally.rows:
            why = "; ".join(f"{count(len(rows))} {what}" for what, rows in imported.left_out.items())
            raise EmptyDataError(
                f"{source} ({imported.what}) gives no rows{f': {why}' if why else ''}. Annotate it, and export again."
            )
    return tally


def _check_spans(table: pa.Table, source: Path, before: int) -> None:
    """CoNLL holds no spans that overlap or lie outside; they would be lost without a word."""
    if not {"text", "spans"} <= set(table.column_names):
        return
    rows = zip(table.column("text").to_pylist(), table.column("spans").to_pylist(), strict=True)
    for number, (text, spans) in enumerate(rows, before + 1):
        try:
            parse_spans(spans or [], text or "")
        except FaultError as fault:
            raise DataError(
                f"{source}, row {number}: {fault.found} CoNLL cannot hold this. Write JSON lines (.jsonl), "
                "and check them with metier check."
            ) from None


def _facts(source: Path, output: Path, imported: Imported, tally: Tally) -> dict[str, Any]:
    return {
        "file": str(source),
        "output": str(output),
        "format": imported.what,
        "rows": tally.rows,
        "columns": list(tally.columns),
        "labels": dict(tally.labels.most_common()),
        "spans": tally.spans,
        "notes": imported.notes,
        "left_out": {
            why: {"count": len(numbers), "items": numbers[:1_000]} for why, numbers in imported.left_out.items()
        },
        "next": with_language(shlex.join(["metier", "check", str(output)])),
    }


def _print(facts: Mapping[str, Any]) -> None:
    console, say = answer_console(), spoken()
    names = {"file": facts["file"], "format": say.translated(facts["format"]), "output": facts["output"]}
    lines = [
        say("{file} is {format}: {parts} in {output}", parts=_parts(facts), **names),
        say("columns: {names}", names=say.listed(facts["columns"])),
        *(f"· {say.translated(note)}" for note in facts["notes"]),
        *(_left_out(why, left["count"], left["items"]) for why, left in facts["left_out"].items()),
        say("next: {command}", command=facts["next"]),
    ]
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _parts(facts: Mapping[str, Any]) -> str:
    """How many rows, spans and labels there are."""
    say = spoken()
    parts = [say("{n} row(s|)", n=count(facts["rows"]))]
    if spans := facts["spans"]:
        parts.append(say("{n} span", n=1) if spans == 1 else say("{n} spans", n=count(spans)))
    if labels := len(facts["labels"]):
        parts.append(say("{n} label", n=1) if labels == 1 else say("{n} labels", n=count(labels)))
    return say(", ").join(parts)


def _left_out(why: str, number: int, items: list[int]) -> str:
    say = spoken()
    named = list(dict.fromkeys(items))[:MOST_ROWS_NAMED]
    shown = say.listed([*map(str, named), *(["…"] if number > MOST_ROWS_NAMED else [])])
    left = {"n": count(number), "why": say.translated(why), "items": shown}
    if len(named) == 1:
        return say("! left out {n}: {why} (in item {items})", **left)
    return say("! left out {n}: {why} (in items {items})", **left)
