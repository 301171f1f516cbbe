"""`--role ROLE=COLUMN`: what columns are for that have no flag of their own."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from metier.data.rows import FLAGGED_ROLES, INPUT_ROLES, TARGET_ROLES
from metier.errors import suggest


def role_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flag `--role`, which arrives as `roles`."""
    return click.option(
        "--role",
        "roles",
        metavar="ROLE=COLUMN",
        multiple=True,
        help="What another column is for: question, text_pair, labels, spans, score, target…; may be repeated.",
    )(command)


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
