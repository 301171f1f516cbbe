"""`metier keys`: keys for a service, made, listed, replaced and revoked."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from metier.cli.commands import HELP
from metier.cli.console import (
    answer_console,
    count,
    figures_table,
    print_json,
    print_line,
    print_whole,
    progress_console,
)
from metier.cli.parted_names import parted
from metier.cli.speech import lang_option, spoken
from metier.errors import CallError
from metier.serving.guards.key_file import KeyRecord, NewKey, create_key, read_keys, revoke_keys, rotate_key

SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
LONGEST_DAYS = 36_500

keys_option = click.option(
    "--keys",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    envvar="METIER_KEYS",
    metavar="FILE",
    help="File of keys; METIER_KEYS names it, too.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the facts as one line.")
name_argument = click.argument("name", metavar="NAME")
per_minute = click.IntRange(min=1)


@click.group(context_settings=HELP, epilog="Example: metier keys list --keys keys.json")
def keys() -> None:
    """Make, list, replace and revoke the keys of a service."""


def command(name: str, *, example: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Give a decorator that makes a command of keys, with the options that all have."""

    def made(function: Callable[..., Any]) -> click.Command:
        for option in (lang_option(), json_option, keys_option):
            function = option(function)
        return keys.command(name, context_settings=HELP, epilog=f"Example: metier keys {example}")(function)

    return made


@command("create", example="create billing --scopes predict --keys keys.json")
@name_argument
@click.option(
    "--scopes",
    default="reader",
    show_default=True,
    metavar="A,B",
    callback=parted,
    help="What the key may do: predict, explain, feedback, metrics, push, admin; or a role: reader (predict, explain), "
    "operator (those, feedback and metrics), admin (all).",
)
@click.option("--expires", metavar="TIME", help="Time until it ends, such as 90d or 12h. Default: never.")
@click.option("--requests-per-minute", type=per_minute, help="Most requests a minute, over all workers.")
@click.option("--rows-per-minute", type=per_minute, help="Most rows a minute, over all workers.")
def create(
    *, name: str, scopes: Sequence[str], expires: str | None, requests_per_minute: int | None,
    rows_per_minute: int | None, path: Path, as_json: bool, lang: str | None,
) -> None:  # fmt: skip
    """Make a key, which is shown once.

    The file keeps a scrypt hash of it alone. A caller sends it as Authorization: Bearer KEY, or as X-API-Key: KEY.
    """
    made = create_key(
        path,
        name,
        scopes,
        lifetime=None if expires is None else _time("--expires", expires),
        requests_per_minute=requests_per_minute,
        rows_per_minute=rows_per_minute,
    )
    _print_new(made, as_json=as_json)


@command("rotate", example="rotate billing --overlap 7d --keys keys.json")
@name_argument
@click.option(
    "--overlap",
    default="7d",
    show_default=True,
    metavar="TIME",
    help="Time that the old key works on, such as 7d or 30m; 0m: it ends at once.",
)
def rotate(*, name: str, overlap: str, path: Path, as_json: bool, lang: str | None) -> None:
    """Make a new key; the old one works on for a while."""
    _print_new(rotate_key(path, name, overlap=_time("--overlap", overlap)), as_json=as_json)


@command("revoke", example="revoke billing --keys keys.json")
@name_argument
def revoke(*, name: str, path: Path, as_json: bool, lang: str | None) -> None:
    """Refuse the keys of a name, or the one of a prefix, from now on.

    A running service notices with its next request.
    """
    ended = revoke_keys(_existing(path), name)
    if as_json:
        print_json([_facts(one) for one in ended])
        return
    for one in ended:
        print_line(spoken()("{name} ({prefix}): revoked", name=one.name, prefix=one.prefix))


@command("list", example="list --keys keys.json")
def list_keys(*, path: Path, as_json: bool, lang: str | None) -> None:
    """List the keys: what each may do and until when."""
    found = read_keys(_existing(path))
    if as_json:
        print_json([_facts(one) for one in found])
        return
    say, now = spoken(), datetime.now(UTC)
    states = {"active": say("active"), "expired": say("expired"), "revoked": say("revoked")}
    table = figures_table(
        say("name"), say("prefix"), say("state"), say("scopes"), say("expires"), say("a minute"), left=5
    )
    for one in found:
        expires = f"{one.expires:%Y-%m-%d %H:%M}" if one.expires else "–"
        limits = (one.requests_per_minute, one.rows_per_minute)
        rates = " / ".join("–" if limit is None else count(limit) for limit in limits)
        cells = (one.name, one.prefix, states[one.state(now)], ", ".join(one.scopes), expires, rates)
        table.add_row(*map(Text, cells))
    print_whole(answer_console(), table)


def _existing(path: Path) -> Path:
    """Give a file that is there: a mistyped name must not become one."""
    if not path.exists():
        raise CallError(
            f"There is no file of keys {path}. Make the first key with: metier keys create NAME --keys {path}"
        )
    return path


def _print_new(made: NewKey, *, as_json: bool) -> None:
    if as_json:
        print_json({"key": made.key, **_facts(made.record)})
        return
    say = spoken()
    print_line(made.key)
    line = say(
        "This key of {name} is shown once and stored nowhere. Keep it as a password.", name=made.record.name
    )
    progress_console().print(line, markup=False, soft_wrap=True)


def _facts(record: KeyRecord) -> dict[str, Any]:
    facts = record.model_dump(mode="json", exclude={"salt", "hash", "cost"})
    return {**facts, "state": record.state(datetime.now(UTC))}


def _time(flag: str, text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text.strip().lower())
    seconds = int(found[1]) * SECONDS[found[2]] if found else -1
    if not found or seconds > LONGEST_DAYS * SECONDS["d"]:
        raise CallError(f"{flag} takes a time such as 30m, 12h, 7d or 4w, at most 100 years; found {text!r}.")
    return timedelta(seconds=seconds)
