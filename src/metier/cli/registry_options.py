"""What all commands of the registry share: its folder, its database, and how they are made."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from metier.cli.commands import HELP
from metier.cli.speech import lang_option
from metier.errors import CallError
from metier.registry.registry import CHAMPION, Registry

FOLDER = Path("registry")

registry_option = click.option(
    "--registry",
    "folder",
    type=click.Path(path_type=Path),
    default=FOLDER,
    envvar="METIER_REGISTRY",
    show_default=True,
    metavar="FOLDER",
    help="Folder of the registry; METIER_REGISTRY names it, too.",
)
database_option = click.option(
    "--database",
    metavar="URL",
    envvar="METIER_REGISTRY_DATABASE",
    help="Database as SQLAlchemy writes it, such as postgresql+psycopg://host/name. Default: SQLite in the folder.",
)
alias_option = click.option(
    "--alias", default=CHAMPION, show_default=True, metavar="NAME", help="What points to the version."
)
why_option = click.option("--why", default="", metavar="TEXT", help="Reason, kept in the history.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the facts as one line.")
name_argument = click.argument("name", metavar="NAME")
version_argument = click.argument("version", metavar="VERSION", type=int)


@click.group(context_settings=HELP, epilog="Example: metier registry list")
def registry() -> None:
    """Keep versions of bundles, promote one, and go back to the one before."""


def command(name: str, *, example: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Give a decorator that makes a command of the registry, with the options that all have."""

    def made(function: Callable[..., Any]) -> click.Command:
        for option in (lang_option(), json_option, database_option, registry_option):
            function = option(function)
        return registry.command(name, context_settings=HELP, epilog=f"Example: metier registry {example}")(
            function
        )

    return made


def existing_registry(folder: Path, database: str | None) -> Registry:
    """Give a registry that is there: a mistyped folder must not become one."""
    if not folder.is_dir():
        raise CallError(
            f"There is no registry at {folder}. Name its folder with --registry, or begin one with metier registry add."
        )
    return Registry(folder, url=database)
