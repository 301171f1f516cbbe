"""The flags of a dialogue about pictures, the same where it is served and where it replies once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from metier.cli.shares import NumberRange

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
PATH = click.Path(path_type=Path)
LEAST = NumberRange(-1, 1)
OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--labeller",
        metavar="RUN_OR_BUNDLE",
        type=PATH,
        help="Model that labels the last picture and words of a conversation. Default: none.",
    ),
    click.option(
        "--writer",
        metavar="RUN_OR_BUNDLE",
        type=PATH,
        help="Model of the task generation that words the replies. Default: a template.",
    ),
    click.option(
        "--least-similarity",
        type=LEAST,
        default=0.5,
        show_default=True,
        help="Cosine below which no case is answered from.",
    ),
    click.option("--text", metavar="COLUMN", help="Column of --cases with what was asked. Default: inferred."),
    click.option(
        "--role",
        "roles",
        metavar="ROLE=COLUMN",
        multiple=True,
        help="Other columns of --cases: image, target (what was answered), label; may be repeated.",
    ),
)


def dialogue_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags of a dialogue, but for --cases."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
