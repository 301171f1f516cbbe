"""`metier init-policy`: a release policy for a run, to be edited."""

from pathlib import Path

import click
from rich.text import Text

from metier.assurance.policy_draft import draft_policy
from metier.cli.commands import HELP
from metier.cli.console import print_line, progress_console
from metier.cli.pipes import PIPE
from metier.cli.speech import lang_option, spoken, with_language
from metier.data.output_files import check_output, text_output


@click.command(
    context_settings=HELP, epilog="Example: metier init-policy runs/demo --output policy.yaml --rows test.csv"
)
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    default=Path("policy.yaml"),
    help="File to write; - for stdout. Default: policy.yaml.",
)
@click.option(
    "--rows", metavar="FILE", type=click.Path(), help="Labelled rows to measure on, relative to the policy."
)
@click.option("--overwrite", is_flag=True, help="Replace the file of --output where there is one.")
@lang_option()
def init_policy(*, bundle: Path, output: Path, rows: str | None, overwrite: bool, lang: str | None) -> None:
    """Write a release policy for a run, to be edited.

    Its thresholds stand below what the run measured on its test rows. Each condition stands there with its reason: the
    metric that ranks, the calibration error, each language beside the whole, the time of an answer. Edit it, keep it
    beside the code, and judge bundles by it with `metier gate`.
    """
    if output == PIPE:
        print_line(draft_policy(bundle, rows=rows, told=spoken().told), end="")
        return
    check_output(output, overwrite=overwrite)
    text = draft_policy(bundle, rows=rows, told=spoken().told)
    with text_output(output, overwrite=overwrite) as write:
        write(text)
    say, console = spoken(), progress_console()
    console.print(Text(say("wrote {file}", file=output)), soft_wrap=True)
    command = with_language(f"metier gate {bundle} --policy {output}")
    console.print(Text(say("next: {command}", command=command)), soft_wrap=True)
