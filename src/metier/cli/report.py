"""`metier report`: write the page of a finished run again."""

from pathlib import Path

import click

from metier.assurance.run_pages import report_of
from metier.cli.commands import HELP
from metier.cli.console import answer_console
from metier.cli.speech import lang_option, spoken
from metier.data.output_files import write_text
from metier.report.page import render_report
from metier.selection.finished_run import Run


@click.command(context_settings=HELP, epilog="Example: metier report runs/demo --lang zh")
@click.argument("run", type=click.Path(path_type=Path))
@lang_option("Language of the page.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the page is written. Default: report.<lang>.html in the folder of the run.",
)
def report(run: Path, lang: str | None, output: Path | None) -> None:
    """Write the report of a finished run again, in English or Chinese.

    Nothing is trained or predicted: the page is drawn from the run's report.json, and from what metier gate and metier test
    found of its model since.
    """
    finished = Run.open(run)
    lang = spoken().language
    page = (output or run / f"report.{lang}.html").absolute()
    write_text(page, render_report(report_of(finished.folder, finished.report), language=lang))
    answer_console().print(str(output or run / page.name), markup=False, soft_wrap=True)
