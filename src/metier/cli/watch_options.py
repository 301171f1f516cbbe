"""The group of `metier watch`, and what its commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from sqlalchemy import make_url

from metier.cli.commands import HELP
from metier.cli.speech import lang_option

settings_argument = click.argument("settings", metavar="SETTINGS", type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="Print the facts as one line.")


@click.group(context_settings=HELP, epilog="Example: metier watch run watch.yaml --once")
def watch() -> None:
    """Watch streams of messages: store, answer, count and tell."""


def command(name: str, *, example: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Give a decorator that makes a command of the watch, with the options that all have."""

    def made(function: Callable[..., Any]) -> click.Command:
        for option in (lang_option(), json_option):
            function = option(function)
        return watch.command(name, context_settings=HELP, epilog=f"Example: metier watch {example}")(function)

    return made


def shown_store(store: str) -> str:
    """Give the path of a store, or its URL without the password."""
    return store if "://" not in store else make_url(store).render_as_string(hide_password=True)
