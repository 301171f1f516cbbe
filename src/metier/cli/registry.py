"""`metier registry`: bundles by name and version, which of them answers, and back to the one before."""

from pathlib import Path
from typing import Any

import click
from rich.text import Text

from metier.cli.console import answer_console, count, figures_table, print_json, print_whole
from metier.cli.registry_options import (
    FOLDER,
    alias_option,
    command,
    existing_registry,
    name_argument,
    registry,
    version_argument,
    why_option,
)
from metier.cli.rollout import rollout
from metier.cli.speech import spoken, with_language
from metier.registry.registry import Change, Registry, Version

__all__ = ["registry", "rollout"]  # The group, and the one of its commands that has a file of its own.


@command("add", example="add runs/demo support")
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@name_argument
@why_option
def add(
    *, bundle: Path, name: str, why: str, folder: Path, database: str | None, as_json: bool, lang: str | None
) -> None:
    """Copy a bundle into the registry as the next version.

    The same files are the version that they are already.
    """
    found = Registry(folder, url=database).add(bundle, name, why=why)
    _print_version(found, as_json=as_json)
    if not as_json:
        where = "" if folder == FOLDER else f" --registry {folder}"
        line = with_language(f"metier registry promote {name} {found.number}{where}")
        answer_console().print(Text(spoken()("next: {command}", command=line)), soft_wrap=True)


@command("list", example="list support")
@click.argument("name", metavar="[NAME]", required=False)
def list_versions(
    *, name: str | None, folder: Path, database: str | None, as_json: bool, lang: str | None
) -> None:
    """List the versions of a model, or of all."""
    kept = existing_registry(folder, database)
    if name is not None:
        kept.check_known(name)
    names = kept.names() if name is None else [name]
    found = [version for one in names for version in kept.versions(one)]
    if as_json:
        print_json([_facts(one) for one in found])
        return
    say = spoken()
    table = figures_table(say("model"), say("version"), say("answers as"), say("gate"), say("folder"), left=1)
    for one in found:
        gate = "–" if one.gate is None else say(one.gate)
        table.add_row(
            *map(Text, (one.name, count(one.number), ", ".join(one.aliases) or "–", gate, str(one.folder)))
        )
    print_whole(answer_console(), table)


@command("promote", example="promote support 3")
@name_argument
@version_argument
@alias_option
@why_option
@click.option("--force", is_flag=True, help="Also without a passed release gate; the history keeps that.")
def promote(
    *, name: str, version: int, alias: str, why: str, force: bool, folder: Path, database: str | None,
    as_json: bool, lang: str | None,
) -> None:  # fmt: skip
    """Let a version answer from now on.

    Refused with exit code 1 without a passed release gate: see metier gate.
    """
    found = existing_registry(folder, database).promote(name, version, alias=alias, why=why, force=force)
    _print_version(found, as_json=as_json)


@command("rollback", example="rollback support")
@name_argument
@alias_option
@why_option
def rollback(
    *, name: str, alias: str, why: str, folder: Path, database: str | None, as_json: bool, lang: str | None
) -> None:
    """Let the version before answer again.

    Once more, and the one before that answers.
    """
    _print_version(existing_registry(folder, database).roll_back(name, alias=alias, why=why), as_json=as_json)


@command("history", example="history support")
@name_argument
def history(*, name: str, folder: Path, database: str | None, as_json: bool, lang: str | None) -> None:
    """Show every change of a model: when, who, what and why."""
    kept = existing_registry(folder, database)
    kept.check_known(name)
    changes = kept.history(name)
    if as_json:
        print_json([_change_facts(one) for one in changes])
        return
    say = spoken()
    named = {
        "add": say("add"),
        "promote": say("promote"),
        "roll back": say("roll back"),
        "remove": say("remove"),
        "begin roll-out": say("begin roll-out"),
        "end roll-out": say("end roll-out"),
    }
    table = figures_table(
        say("when"),
        say("who"),
        say("what"),
        say("version"),
        say("before"),
        say("alias"),
        say("gate"),
        say("why"),
        left=3,
    )
    for one in changes:
        what = f"{named[one.action]}, {say('forced')}" if one.is_forced else named[one.action]
        gate = "–" if one.gate is None else say(one.gate)
        before = "–" if one.before is None else count(one.before)
        cells = (
            one.at.strftime("%Y-%m-%d %H:%M"), one.who, what, count(one.version), before, one.alias or "–", gate,
            one.why or "–",
        )  # fmt: skip
        table.add_row(*map(Text, cells))
    print_whole(answer_console(), table)


@command("remove", example="remove support 1")
@name_argument
@version_argument
def remove(
    *, name: str, version: int, folder: Path, database: str | None, as_json: bool, lang: str | None
) -> None:
    """Remove a version that answers nobody.

    Its files go; its history stays.
    """
    kept = existing_registry(folder, database)
    found = kept.version(name, version)
    kept.remove(name, version)
    _print_version(found, as_json=as_json)


def _print_version(version: Version, *, as_json: bool) -> None:
    if as_json:
        print_json(_facts(version))
        return
    say = spoken()
    answers = ", ".join(version.aliases)
    line = (
        say(
            "{name} {version}: answers as {aliases}", name=version.name, version=version.number, aliases=answers
        )
        if answers
        else say("{name} {version}: answers nobody yet", name=version.name, version=version.number)
    )
    answer_console().print(Text(line), soft_wrap=True)


def _facts(version: Version) -> dict[str, Any]:
    return {
        "name": version.name,
        "version": version.number,
        "aliases": list(version.aliases),
        "gate": version.gate,
        "may_go_live": version.may_go_live,
        "folder": str(version.folder),
        "fingerprint": version.fingerprint,
    }


def _change_facts(change: Change) -> dict[str, Any]:
    return {**vars(change), "at": change.at.isoformat(timespec="seconds")}
