"""`metier reviewed`: the labels that readers gave, back as training rows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pyarrow as pa

from metier.applications.annotation.review_queue import IMAGE, READER_LABEL, no_queue, returned_rows
from metier.bundles import load_bundle
from metier.cli.commands import HELP
from metier.cli.console import count, print_json, print_line
from metier.cli.speech import lang_option, spoken, with_language
from metier.data import open_writer, read
from metier.data.output_files import check_output
from metier.errors import CallError, EmptyDataError, MissingColumnError

MOST_SHOWN = 5


@click.command(
    context_settings=HELP,
    epilog="Example: metier reviewed annotated/queue.csv --out rows.csv --model runs/demo",
)
@click.argument("queues", metavar="QUEUE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="File to write, in the folder of the images or above it; its ending decides the format.",
)
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="Run or bundle whose labels may be given; others are refused.",
)
@click.option("--new-labels", is_flag=True, help="Take labels that the model does not know, too.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@lang_option()
def reviewed(
    *,
    queues: tuple[Path, ...],
    out: Path,
    model: Path | None,
    new_labels: bool,
    overwrite: bool,
    as_json: bool,
    lang: str | None,
) -> None:
    """Make training rows of the labels that readers gave to a queue.

    QUEUE is what metier annotate wrote, with the column reader_label filled in; several readers may each have filled
    in a copy. Rows without a label stay out, and so do images to which readers gave different labels: those are named.
    """
    check_output(out, overwrite=overwrite)
    if model is None and not new_labels:
        raise CallError(
            "Which labels are right is not known. Name the model with --model, or add --new-labels."
        )
    if any(out.exists() and queue.exists() and out.samefile(queue) for queue in queues):
        raise CallError(f"--out would replace the queue {out}. Name another file.")
    rows = [row for queue in queues for row in _rows_of(queue)]
    known = None if new_labels or model is None else load_bundle(model).labels
    found = returned_rows(rows, target=out, known=known, origin=", ".join(map(str, queues)))
    if not found.rows:
        raise EmptyDataError(
            f"No row of {', '.join(map(str, queues))} has one label of its readers. Fill in the column {READER_LABEL}."
        )
    with open_writer(out, overwrite=overwrite) as writer:
        writer.write(pa.Table.from_pylist(found.rows))
    facts = {
        "out": str(out),
        "rows": len(found.rows),
        "open": found.n_open,
        "same_as_suggested": found.n_same,
        "compared": found.n_compared,
        "conflicts": found.conflicts,
    }
    print_json(facts) if as_json else _print(facts)


def _rows_of(queue: Path) -> list[dict[str, Any]]:
    """Give the rows of a queue; one without its columns or without any image is none."""
    try:
        return list(read(queue, text=IMAGE, image="none", label="none").table.to_pylist())
    except MissingColumnError as error:
        raise no_queue(str(queue), error.column) from None


def _print(facts: Mapping[str, Any]) -> None:
    say = spoken()
    print_line(say("{file}: {n} row(s|) with labels of readers", file=facts["out"], n=count(facts["rows"])))
    if facts["open"]:
        print_line(say("still open: {n} row(s|)", n=count(facts["open"])))
    if facts["conflicts"]:
        named = say.listed(facts["conflicts"][:MOST_SHOWN])
        print_line(
            say("! left out {n}: readers disagree ({images})", n=count(len(facts["conflicts"])), images=named)
        )
    if facts["compared"]:
        told = {"n": count(facts["same_as_suggested"]), "all": count(facts["compared"])}
        print_line(say("the suggestion was the reader's label in {n} of {all}", **told))
        print_line(say("· these rows were queued because they are hard, so this is no accuracy of the model"))
    print_line(say("next: {command}", command=with_language(f"metier train {facts['out']}")))
