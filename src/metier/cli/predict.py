"""`metier predict`: predict with a trained model, for texts or for a file of any size."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.cells import cell_len

from metier.bundles import Bundle, load_bundle, resolve_bundle, resolve_candidate
from metier.bundles.claim_check import UNSUPPORTED, claim_checked
from metier.bundles.label_sets import read_label_sets
from metier.bundles.output_filter import filtered
from metier.cli.answered_facts import print_facts
from metier.cli.answered_files import LABEL_SET, REVIEW, Kept, Wanted, answer_file
from metier.cli.commands import HELP
from metier.cli.confidence_rule import Confidence, ConfidenceRule
from metier.cli.console import percentage, print_json, print_line
from metier.cli.file_call import check_suits_ray, facts_of_call
from metier.cli.filter_options import asked_filter, filter_options
from metier.cli.on_ray import check_only_on_ray, on_option, part_on_ray
from metier.cli.pipes import PIPE, check_format_is_of_pipe
from metier.cli.row_options import named_roles, reading_options, role_option, text_option
from metier.cli.shares import NumberRange
from metier.cli.speech import lang_option, spoken
from metier.data.formats.folder import images_below
from metier.data.formats.json_value import json_value
from metier.data.output_files import check_output
from metier.errors import CallError, DataError
from metier.evaluation.conformal_sets import KINDS, LAC
from metier.image.dicom.recognising import is_dicom_file
from metier.machine import usable_cores
from metier.tasks.inputs import IMAGE, InputKind

BATCH_LINES = 256


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
    "--resume", is_flag=True, help="Go on with the file of --output where a killed or stopped call ended."
)
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
    type=Confidence(),
    metavar="X",
    help="Mark answers whose probability is below X, 0 to 1, for a person to look at; or the file of thresholds, also by "
    "label, that metier evaluate --target-accuracy wrote.",
)
@click.option(
    "--label-sets",
    type=NumberRange(0, 1, min_open=True, max_open=True),
    metavar="X",
    help="Also give a set of labels that holds the true one in a share X of such rows, 0 to 1 (conformal prediction).",
)
@click.option(
    "--set-kind",
    type=click.Choice(KINDS),
    default=LAC,
    show_default=True,
    help="Of these sets: lac, the smallest, some may be empty; raps, none is empty; by_label, X holds for each label.",
)
@click.option(
    "--safe-csv",
    is_flag=True,
    help="In CSV and TSV, put an apostrophe before cells that a spreadsheet would take for formulas.",
)
@filter_options
@click.option(
    "--flag-unsupported",
    is_flag=True,
    help="Add unsupported to each written text: its numbers, names and quotations that the source does not have.",
)
@on_option("Answer a file on a cluster of Ray: that of RAY_ADDRESS, or worker processes here.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Most workers with --on ray, a core each. Default: all cores here.",
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
    resume: bool,
    form: str | None,
    text: str | None,
    roles: tuple[str, ...],
    top: int | None,
    min_confidence: ConfidenceRule | None,
    label_sets: float | None,
    set_kind: str,
    safe_csv: bool,
    filters: bool,
    filter_words: tuple[Path, ...],
    filter_model: Path | None,
    filter_labels: Sequence[str] | None,
    flag_unsupported: bool,
    place: str | None,
    workers: int | None,
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

    In place of an image, a folder stands for the images in it.

    --min-confidence keeps every answer, and adds needs_review: true where a person should look.

    --label-sets adds label_set: labels of which one is true in that share of rows like those of training. An empty one says
    that no label is probable enough; it counts as missed. A person should look, or --set-kind raps leaves none empty.

    Where a question has several parts, a row without one of them has an empty answer, and its not_answered says why;
    the others are answered, and the exit code stays 0.

    --on ray cuts a file into parts beside the output, which workers answer; the folder must be shared by all of them.
    """
    _check_call(texts, source, output, stream=stream)
    if source is None:
        of_files = {"--text": text, "--role": roles or None, "--format": form, **_as_flags(how)}
        of_files |= {"--safe-csv": safe_csv or None, "--overwrite": overwrite or None}
        of_files |= {"--resume": resume or None, "--on": place}
        _check_heeded(of_files)
    check_only_on_ray(place, workers=workers)
    check_suits_ray(place, source, output, has_filter=filters or bool(filter_words) or filter_model is not None)
    check_format_is_of_pipe(form, source, output)
    if output == PIPE and as_json:
        raise click.UsageError("--output - and --json would both write to stdout; leave out one of them.")
    if output not in (None, PIPE):
        check_output(output, overwrite=overwrite or resume)
    folder = resolve_bundle(bundle) if candidate is None else resolve_candidate(bundle, candidate)
    cores = threads or (usable_cores() if source else 1)
    judge = asked_filter(filters, filter_words, filter_model, filter_labels, threads=cores)
    model = load_bundle(folder, threads=cores)
    if flag_unsupported and (stream or place is not None):
        raise click.UsageError(
            "--flag-unsupported looks whole texts up, here: it does not go with --stream or --on."
        )
    model = claim_checked(model) if flag_unsupported else model
    model = model if judge is None else filtered(model, judge)
    rule = None if label_sets is None else read_label_sets(folder, model.labels).rule(set_kind, label_sets)
    wanted = Wanted(top, _checked(min_confidence, model), safe_csv, rule)
    if source is not None and output is not None:
        columns = how | named_roles(roles) | ({"text": text} if text else {})
        kept = Kept(overwrite, resume, facts_of_call(source, folder))
        if place is None:
            facts = answer_file(model, source, output, columns=columns, wanted=wanted, form=form, kept=kept)
        else:
            answer = part_on_ray("metier.cli.predicted_on_ray:predict_on_ray")
            how = {"columns": columns, "wanted": wanted, "kept": kept, "workers": workers or usable_cores()}
            facts = answer(model, folder, source, output, **how)
        print_json(facts) if as_json else print_facts(facts)
        return
    for batch in _batches_of_stdin() if texts == ("-",) else [_with_folders(texts, model.input_kind)]:
        if stream:
            _stream_each(model, batch, as_json=as_json)
            continue
        records = wanted.records(model.predict(_items(batch, model.input_kind)))
        if as_json:
            for record in records:
                print_json(record)
        else:
            _print_lines(batch, records, model, wanted)


def _checked(min_confidence: ConfidenceRule | None, model: Bundle) -> ConfidenceRule | None:
    if min_confidence is not None and "probability" not in model.answer_kind.record:
        raise CallError(
            f"--min-confidence needs answers with one probability each, and those of {model.manifest.task.name} have "
            "none. Leave it out."
        )
    if min_confidence is not None:
        min_confidence.check_labels(model.labels)
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
    if PIPE not in (source, output) and source.exists() and output.exists() and source.samefile(output):
        raise click.UsageError("--output would replace the file that --input reads. Name another file.")


def _as_flags(how: Mapping[str, Any]) -> dict[str, Any]:
    return {f"--{name}": value for name, value in how.items()}


def _check_heeded(of_files: Mapping[str, Any]) -> None:
    """Refuse options of files where texts are answered; None: not given."""
    idle = [flag for flag, value in of_files.items() if value is not None]
    if idle:
        raise click.UsageError(
            f"Texts are answered here, so {', '.join(idle)} would do nothing. Leave that out, or give --input and "
            "--output."
        )


def _with_folders(texts: Sequence[str], kind: InputKind) -> list[str]:
    """Give what was typed; in place of a folder, where images are asked for, the images in it at any depth."""
    given: list[str] = []
    for text in texts:
        folder = Path(text)
        if kind.name != IMAGE.name or not folder.is_dir():
            given.append(text)
            continue
        images = images_below(folder)
        if not images:
            raise CallError(f"{text} holds no images. Name a folder of images, or one image.")
        given += map(str, images)
    return given


def _items(texts: Sequence[str], kind: InputKind) -> list[Any]:
    """Give what was typed as the model takes it: texts, or JSON objects where a question has several parts."""
    items: list[Any] = []
    for text in texts:
        item = kind.typed(text)
        if item is None:
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
        return json_value(text)
    except json.JSONDecodeError as error:
        example = json.dumps(kind.example, ensure_ascii=False)
        raise CallError(
            f"This model asks for {' and '.join(kind.keys)}, so each argument is a JSON object such as "
            f"'{example}'; {text[:60]!r} is none ({error}). For a file use --input."
        ) from None


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
            print_json({"piece": piece}) if as_json else print_line(piece, end="")
        whole = {"text": "".join(pieces), "answered_by": model.name}
        print_json(whole) if as_json else print_line(f"  {model.name}")


def _print_lines(
    texts: Sequence[str], records: Sequence[dict[str, Any]], model: Bundle, wanted: Wanted
) -> None:
    kind = model.answer_kind
    answers = [kind.shown(record) for record in records]
    widest = max(cell_len(answer) for answer in answers)
    for text, record, answer in zip(texts, records, answers, strict=True):
        # By hand and not by a table: a line that is cut to the terminal would be cut in a pipe, too.
        sure = f"  {percentage(record['probability']):>7}" if "probability" in record else ""
        shown = f"  {text}" if len(texts) > 1 else ""
        padded = answer + " " * (widest - cell_len(answer))
        mark = f"  {_mark(text, model.input_kind)}" if record.get(REVIEW) else ""
        mark += (
            f"  {spoken()('not in the source: {said}', said=record[UNSUPPORTED])}"
            if record.get(UNSUPPORTED)
            else ""
        )
        mark += f"  {spoken()('out of scope')}" if record.get("out_of_scope") else ""
        print_line(f"{padded}{sure}  {record['answered_by']}{mark}{shown}")
        if LABEL_SET in record:
            print_line(f"    {_set_line(record[LABEL_SET])}")
        for how_sure, other in kind.ranked_lines(record) if wanted.top else ():
            print_line(f"    {how_sure:>7}  {other}")


def _set_line(labels: Sequence[str]) -> str:
    """Give a set of labels on one line; an empty one says why it is."""
    say = spoken()
    if not labels:
        return say("no label is probable enough for the set")
    return say("one of {labels}", labels=say.listed(labels))


def _mark(text: str, kind: InputKind) -> str:
    """Say that a person should look; at a medical image one who reads such images."""
    is_scan = kind.name == IMAGE.name and is_dicom_file(Path(text))
    return spoken()("needs a reader") if is_scan else spoken()("needs review")
