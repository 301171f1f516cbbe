"""`metier watch init`: settings of a watch, to be edited."""

from pathlib import Path

import click
from rich.text import Text

from metier.cli.console import answer_console, print_json
from metier.cli.speech import spoken, with_language
from metier.cli.watch_options import command
from metier.data.output_files import check_output, text_output

TEMPLATE = Path(__file__).with_name("watch.yaml")


@command("init", example="init watch.yaml")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path), default=Path("watch.yaml"))
@click.option("--overwrite", is_flag=True, help="Replace the file where there is one.")
def init(*, file: Path, overwrite: bool, as_json: bool, lang: str | None) -> None:
    """Write commented settings of a watch."""
    check_output(file, overwrite=overwrite)
    with text_output(file, overwrite=overwrite) as write:
        write(_template().read_text(encoding="utf-8"))
    if as_json:
        print_json({"file": str(file)})
        return
    console, say = answer_console(), spoken()
    console.print(
        Text(say("settings of a watch are in {file}; name your sources there", file=file)), soft_wrap=True
    )
    line = with_language(f"metier watch run {file} --once")
    console.print(Text(say("next: {command}", command=line)), soft_wrap=True)


def _template() -> Path:
    return TEMPLATE.with_name("watch_zh.yaml") if spoken().language == "zh" else TEMPLATE
