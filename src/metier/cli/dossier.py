"""`metier dossier`: a folder of evidence about a trained model."""

from pathlib import Path

import click
from rich.text import Text

from metier.assurance.dossier.writing import gather, prepare_folder, write_dossier
from metier.cli.commands import HELP
from metier.cli.console import ProgressLines, answer_console, print_json
from metier.cli.speech import lang_option, spoken
from metier.machine import usable_cores


@click.command(
    context_settings=HELP, epilog="Example: metier dossier runs/demo --output dossier --rows test.csv"
)
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    default=Path("dossier"),
    show_default=True,
    help="Folder for dossier.html and dossier.json.",
)
@click.option(
    "--stated",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What you state (YAML): intended_use, owner, data_licence, retention, human_oversight, and so on.",
)
@click.option(
    "--evidence",
    metavar="FILE",
    type=click.Path(path_type=Path),
    multiple=True,
    help="What metier test --output wrote; may be repeated, a suite a file.",
)
@click.option(
    "--rows",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Rows that behaviour and fairness are tested on now.",
)
@click.option("--overwrite", is_flag=True, help="Replace the files in the folder.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads. Default: all cores.")
@lang_option("Language of the page and of what is printed.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as one JSON object, too.")
def dossier(
    *,
    bundle: Path,
    output: Path,
    stated: Path | None,
    evidence: tuple[Path, ...],
    rows: Path | None,
    overwrite: bool,
    threads: int | None,
    lang: str | None,
    as_json: bool,
) -> None:
    """Write a dossier of a trained model: one page, and the same facts as JSON.

    It holds the model, its intended use, the lineage of its data, its figures with intervals, behaviour and fairness tests,
    personal data, retention, human oversight and the result of the release gate. What is not known says that it is not
    stated, and how to state it.
    """
    prepare_folder(output, overwrite=overwrite)
    with ProgressLines() as listener:
        found = gather(
            bundle,
            stated=stated,
            evidence=evidence,
            rows=rows,
            threads=threads or usable_cores(),
            listener=listener,
        )
    page, facts = write_dossier(found, output, language=spoken().language)
    if as_json:
        print_json(found.facts)
        return
    console, say = answer_console(), spoken()
    console.print(Text(say("wrote {file}", file=page)), soft_wrap=True)
    console.print(Text(say("wrote {file}", file=facts)), soft_wrap=True)
    for name, how in found.not_stated:
        line = say("not stated: {name} ({how})", name=say.told(name), how=say.told(how))
        console.print(Text(line), soft_wrap=True)
