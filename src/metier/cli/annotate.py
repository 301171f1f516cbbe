"""`metier annotate`: labels of images where the model is sure, a queue for readers where it is not."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
import pyarrow as pa

from metier.applications.annotation.annotating import (
    ANSWERED,
    Annotated,
    Asking,
    annotate,
    check_can_annotate,
    heat_map_of,
)
from metier.applications.annotation.range_of_training import FEWEST, TrainingRange
from metier.applications.annotation.review_queue import queue_rows
from metier.bundles import Bundle, load_bundle, resolve_bundle, resolve_candidate
from metier.cli.commands import HELP
from metier.cli.console import ProgressLines, count, percentage, print_json, print_line
from metier.cli.row_options import named_roles, reading_options, role_option
from metier.cli.shares import Share
from metier.cli.speech import lang_option, spoken, with_language
from metier.data import iterate, open_writer, read
from metier.data.columns.file_names import folder_of
from metier.data.output_files import make_folder
from metier.data.rows import Rows
from metier.data.trained_columns import with_columns
from metier.errors import CallError
from metier.image.dicom.burned_in import can_read
from metier.image.likeness import look_at
from metier.machine import usable_cores
from metier.progress import Listener, Progress
from metier.storage import partial_file

BATCH_ROWS = 64
ANNOTATIONS, QUEUE, HEAT_MAPS = "annotations", "queue", "heat_maps"


@click.command(context_settings=HELP, epilog="Example: metier annotate runs/demo scans/ --out annotated/")
@click.argument("model", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@click.argument("source", metavar="ROWS", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write; a new one.")
@click.option(
    "--min-confidence",
    type=Share(),
    default=0.9,
    metavar="X",
    help="A label whose probability is below X, 0 to 1, is left to a reader. Default: 0.9.",
)
@click.option(
    "--second",
    "seconds",
    metavar="NAME",
    multiple=True,
    help="Another candidate of the run, or bundle, that is asked too: where it gives another label a reader decides; "
    "may be repeated.",
)
@click.option(
    "--like",
    type=click.Path(path_type=Path),
    help="The training rows: images that are unlike all of them are left to a reader.",
)
@click.option(
    "--ocr", is_flag=True, help="Look for text in the pixels with tesseract; such images go to a reader."
)
@click.option(
    "--check-fraction",
    type=Share(),
    default=0.0,
    metavar="X",
    help="Share of the other rows, drawn by chance, that a reader gets all the same. Default: 0.",
)
@click.option(
    "--heat-maps",
    type=click.Choice(["none", "queue", "all"]),
    default="none",
    help="Write pictures of where the label comes from: 50 answers an image. Default: none.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl"]),
    default="csv",
    help="Format of both tables. Default: csv.",
)
@role_option
@reading_options
@click.option("--threads", type=click.IntRange(min=1), help="Threads. Default: all cores.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@lang_option()
def annotate_images(
    *,
    model: Path,
    source: Path,
    out: Path,
    min_confidence: float,
    seconds: tuple[str, ...],
    like: Path | None,
    ocr: bool,
    check_fraction: float,
    heat_maps: str,
    form: str,
    roles: tuple[str, ...],
    threads: int | None,
    as_json: bool,
    lang: str | None,
    **how: Any,
) -> None:
    """Label images where a model is sure, and queue the others for readers.

    ROWS is a file of rows with a column of images, or a folder of images or DICOM files. The folder of --out gets
    annotations: each row with its label and probability, or "needs a reader" and no label; and queue: the rows that
    need one, most needed first, with the reasons and an empty column reader_label. metier reviewed makes training
    rows of it.

    What is given are labels of a data set. Whoever reads the images decides.
    """
    if out.exists():
        raise CallError(f"{out} exists already, and stays as it is. Name a new folder with --out.")
    if ocr and not can_read():
        raise CallError(
            "--ocr needs tesseract, which is not installed. Install it: `apt install tesseract-ocr`"
        )
    asked = load_bundle(resolve_bundle(model), threads=threads or usable_cores())
    check_can_annotate(asked)
    columns = how | named_roles(roles)
    asking = Asking(
        asked,
        min_confidence,
        tuple(_second(model, name, threads) for name in seconds),
        None if like is None else _training_range(like, asked, columns),
        ocr,
        check_fraction,
    )
    with ProgressLines() as listener:
        facts = _annotated_folder(
            source, out, asking, columns, heat_maps=heat_maps, form=form, listener=listener
        )
    facts |= {"model": asked.name, "min_confidence": min_confidence, "looked_for_unlike": like is not None}
    print_json(facts) if as_json else _print(facts)


def _second(run: Path, name: str, threads: int | None) -> Bundle:
    folder = resolve_bundle(name) if Path(name).exists() else resolve_candidate(run, name)
    return load_bundle(folder, threads=threads or usable_cores())


def _training_range(like: Path, model: Bundle, columns: Mapping[str, Any]) -> TrainingRange:
    rows: Rows = with_columns(model.manifest.data.roles, partial(read, like), **columns)
    named = [name for name in rows.column("image") if name] if rows.roles.image else []
    if len(named) < FEWEST:
        raise CallError(
            f"{like} has {len(named)} images; --like needs at least {FEWEST}. Give the rows of training, or leave it out."
        )
    return TrainingRange(
        [look_at(file) for file, name in zip(rows.image_files, rows.column("image"), strict=True) if name]
    )


def _annotated_folder(
    source: Path,
    out: Path,
    asking: Asking,
    columns: Mapping[str, Any],
    *,
    heat_maps: str,
    form: str,
    listener: Listener,
) -> dict[str, Any]:
    """Annotate the rows of a source into a folder; gives what was written."""
    batches = with_columns(asking.model.manifest.data.roles, partial(_begun, source), **columns)
    make_folder(out)
    annotated = list[Annotated]()
    maps: dict[str, str] = {}
    image, folder = "image", Path()
    with open_writer(out / f"{ANNOTATIONS}.{form}") as writer:
        for batch in batches:
            image, folder = str(batch.roles.image), folder_of(batch.table, str(batch.roles.image)) or Path()
            some = list(annotate(batch, asking))
            maps |= _heat_maps(some, asking, out, heat_maps)
            writer.write(_table(some, batch, maps))
            annotated += some
            listener(Progress("annotating", len(annotated)))
    listener(Progress("annotating", len(annotated), len(annotated)))
    queue = queue_rows(annotated, image=image, folder=folder, heat_maps=maps)
    if queue:
        with open_writer(out / f"{QUEUE}.{form}") as writer:
            writer.write(pa.Table.from_pylist(queue))
    reasons = Counter(reason for one in annotated for reason in one.need.reasons)
    return {
        "rows": len(annotated),
        "answered": sum(one.status == ANSWERED for one in annotated),
        "needs_reader": len(queue),
        "reasons": dict(reasons.most_common()),
        "annotations": str(out / f"{ANNOTATIONS}.{form}"),
        "queue": str(out / f"{QUEUE}.{form}") if queue else None,
        "heat_maps": len(maps),
    }


def _begun(source: Path, **columns: Any) -> Iterator[Rows]:
    """Read rows in batches; the first at once, so that a missing column shows here."""
    batches = iterate(source, BATCH_ROWS, **columns)
    first = next(batches)
    if first.roles.image is None:
        raise CallError(f"{source} has no column of images. Name it with --role image=COLUMN.")

    def all_batches() -> Iterator[Rows]:
        yield first
        yield from batches

    return all_batches()


def _heat_maps(some: list[Annotated], asking: Asking, out: Path, wanted: str) -> dict[str, str]:
    """Write the heat maps that are wanted; gives the file of each by that of its image."""
    written = {}
    for one in some:
        is_wanted = wanted == "all" or (wanted == QUEUE and one.need.needs_reader)
        if not is_wanted or one.suggestion is None or not Path(one.file).is_file():
            continue
        folder = out / HEAT_MAPS
        folder.mkdir(exist_ok=True)
        path = folder / f"{len(list(folder.iterdir())) + 1:06}.png"
        with partial_file(path, durable=False) as partial_path:
            partial_path.write_bytes(heat_map_of(one, asking))
        written[one.file] = path.relative_to(out).as_posix()
    return written


def _table(some: list[Annotated], batch: Rows, maps: Mapping[str, str]) -> pa.Table:
    table = batch.table
    strings = {
        "label": [one.label for one in some],
        "status": [one.status for one in some],
        "reasons": ["; ".join((*one.need.reasons, *([one.fault] if one.fault else []))) for one in some],
        "suggestion": [one.suggestion for one in some],
        "answered_by": [one.answered_by for one in some],
        "heat_map": [maps.get(one.file) for one in some],
    }
    for name, values in strings.items():
        kept = [column for column in table.column_names if column != name]
        table = table.select(kept).append_column(name, pa.array(values, pa.string()))
    kept = [column for column in table.column_names if column not in ("probability", "need")]
    table = table.select(kept).append_column(
        "probability", pa.array([one.probability for one in some], pa.float64())
    )
    return table.append_column("need", pa.array([one.need.score for one in some], pa.float64()))


def _print(facts: Mapping[str, Any]) -> None:
    say, rows = spoken(), facts["rows"]
    told = {
        "rows": count(rows),
        "answered": count(facts["answered"]),
        "share": percentage(facts["answered"] / max(rows, 1)),
        "least": facts["min_confidence"],
    }
    print_line(
        say("{rows} row(s|): {answered} labelled ({share}), each with a probability of {least} or more", **told)
    )
    if facts["needs_reader"]:
        print_line(say("needs a reader: {n} row(s|)", n=count(facts["needs_reader"])))
    for reason, number in facts["reasons"].items():
        print_line(f"  {say.translated(reason)}: {count(number)}")
    if facts["heat_maps"]:
        print_line(
            say(
                "{n} heat map(s|): warm is what the model used, and no place where something is",
                n=facts["heat_maps"],
            )
        )
    if not facts["looked_for_unlike"]:
        print_line(say("· not looked at: whether images are unlike the training images (--like ROWS)"))
    print_line(say("· these are labels of a data set, given by a model; whoever reads the images decides"))
    print_line(say("labels: {file}", file=facts["annotations"]))
    if facts["queue"]:
        print_line(say("for readers: {file}; they fill in reader_label", file=facts["queue"]))
        following = with_language(f"metier reviewed {facts['queue']} --out rows.csv")
        print_line(say("next: {command}", command=following))
