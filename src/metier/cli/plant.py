"""`metier plant`: secrets among training rows, to be asked of the writer afterwards."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
from rich.text import Text

from metier.assurance.memorisation.canaries import canaries_text, make_canaries, planted_records
from metier.cli.commands import HELP
from metier.cli.console import answer_console, count, progress_console
from metier.cli.row_options import named_roles, parted, reading_options, role_option, text_option
from metier.cli.speech import lang_option, spoken, with_language
from metier.data import read
from metier.data.output_files import check_output, text_output
from metier.data.writing import open_writer
from metier.text.language import detect_language

MOST_TEXTS = 200  # Whose language is detected.


@click.command(
    context_settings=HELP,
    epilog="Example: metier plant rows.csv --output planted.csv --key canaries.json",
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--output",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File for the rows with secrets.",
)
@click.option(
    "--key", required=True, metavar="FILE", type=click.Path(path_type=Path), help="File for the secrets (JSON)."
)
@click.option(
    "--times",
    metavar="A,B",
    callback=parted,
    default="0,1,4,16",
    show_default=True,
    help="How often secrets are planted; 0: never, to compare with.",
)
@click.option(
    "--each", type=click.IntRange(1, 100), default=5, show_default=True, help="Secrets for each of --times."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the secrets.")
@click.option("--overwrite", is_flag=True, help="Replace the files of --output and --key.")
@text_option
@role_option
@reading_options
@lang_option()
def plant(
    *,
    file: Path,
    output: Path,
    key: Path,
    times: Sequence[str],
    each: int,
    seed: int,
    overwrite: bool,
    roles: tuple[str, ...],
    lang: str | None,
    **how: Any,
) -> None:
    """Plant secrets in rows of texts to be written, to test later what a writer has memorised.

    Each secret is a question with six random digits in its answer. Train on --output, then ask the writer for the secrets:
    metier test RUN KEY --suite canaries. Never serve a writer that was trained on planted rows.
    """
    for one in (output, key):
        check_output(one, overwrite=overwrite)
    often = [_whole(one) for one in times]
    given = {name: value for name, value in how.items() if value is not None} | named_roles(roles)
    rows = read(file, **given)
    language = detect_language(list(rows.texts[:MOST_TEXTS])).main_language
    canaries = make_canaries(often, each=each, language=language or "en", random_state=seed)
    records = planted_records(rows, canaries, random_state=seed)
    with open_writer(output, overwrite=overwrite) as writer:
        writer.write(pa.Table.from_pylist(records, schema=rows.table.schema))
    with text_output(key, overwrite=overwrite) as write:
        write(canaries_text(canaries))
    say = spoken()
    told = {"n": count(sum(one.times for one in canaries)), "rows": count(len(rows)), "file": output}
    answer_console().print(Text(say("planted {n} rows among {rows}: {file}", **told)), soft_wrap=True)
    command = with_language(f"metier test RUN {key} --suite canaries")
    progress_console().print(Text(say("next: {command}", command=command)), soft_wrap=True)


def _whole(written: str) -> int:
    if not written.isascii() or not written.isdigit():
        raise click.UsageError(f"--times takes whole numbers from 0, as 0,1,4; found {written!r}.")
    return int(written)
