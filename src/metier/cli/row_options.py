"""The flags that say what the columns of a file are for and how it is read; the same in every command that reads rows."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from metier.cli.parted_names import parted as parted
from metier.data.rows import FLAGGED_ROLES, INPUT_ROLES, TARGET_ROLES
from metier.errors import suggest
from metier.tasks.task_table import TASKS
from metier.tasks.text_kinds import TEXT_KINDS

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _together(*options: Decorator) -> Decorator:
    """Give one decorator that adds several options, in this order."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


text_option = click.option(
    "--text", metavar="COLUMN", help="Column with the text. Default: inferred, and reported."
)
role_option = click.option(
    "--role",
    "roles",
    metavar="ROLE=COLUMN",
    multiple=True,
    help="Role of another column: question, text_pair, image, audio, labels, spans, score, target…; may be repeated.",
)
# What is predicted from what.
task_options = _together(
    text_option,
    click.option("--label", metavar="COLUMN", help="Column with the label. Default: inferred, and reported."),
    click.option(
        "--task",
        metavar="NAME",
        shell_complete=lambda context, parameter, typed: [name for name in TASKS if name.startswith(typed)],
        help="What to predict. Default: inferred from the columns, and reported.",
    ),
    role_option,
)
order_option = click.option(
    "--order",
    metavar="A,B,C",
    callback=parted,
    help="Order of ordinal labels, the lowest first; selects the task ordinal.",
)
kind_option = click.option(
    "--kind",
    type=click.Choice(tuple(TEXT_KINDS)),
    help="Kind of the texts to write. Default: inferred from the rows, and reported.",
)
# How a file of rows is written.
reading_options = _together(
    click.option("--encoding", metavar="NAME", help="Encoding of the file. Default: detected, and reported."),
    click.option(
        "--delimiter", metavar="SIGN", help="Delimiter of a CSV file. Default: detected, and reported."
    ),
    click.option(
        "--header/--no-header",
        default=None,
        help="Whether the first line of a CSV or TSV file names the columns. Default: detected, and reported.",
    ),
)
separator_option = click.option(
    "--separator",
    metavar="SIGN",
    help="Separator between the labels of one row. Default: detected, and reported.",
)
group_option = click.option(
    "--group", metavar="COLUMN", help="Column of groups; rows of one group stay in one split."
)
file_options = _together(
    click.option("--split", metavar="COLUMN", help="Column that says train, validation or test."),
    reading_options,
    separator_option,
    click.option(
        "--label-names",
        metavar="A,B,C",
        callback=parted,
        help="Names of the labels of lists of zeros and ones, in their order. Default: label_0, label_1 and so on.",
    ),
)


def named_roles(pairs: tuple[str, ...]) -> dict[str, str]:
    """Read `--role question=ask` and the like.

    Raises
    ------
    click.UsageError
        If there is no equals sign, or no role of that name.
    """
    known = tuple(dict.fromkeys((*INPUT_ROLES, *TARGET_ROLES, *FLAGGED_ROLES)))
    named = {}
    for pair in pairs:
        role, separator, column = pair.partition("=")
        if not separator or role not in known:
            hint = suggest(role, known) if separator else ""
            raise click.UsageError(
                f"--role takes ROLE=COLUMN; found {pair!r}.{hint} Roles: {', '.join(known)}."
            )
        named[role] = column
    return named


def typed_roles(named: Mapping[str, str]) -> list[str]:
    """Give named roles as they are typed, word by word."""
    return [word for role, column in named.items() for word in ("--role", f"{role}={column}")]
