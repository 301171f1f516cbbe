"""`metier audit`: whether an audit log is whole."""

from pathlib import Path

import click

from metier.cli.commands import HELP
from metier.cli.console import count, print_json, print_line
from metier.cli.speech import lang_option, spoken
from metier.serving.guards.audit_chain import Verified, verify_chain


@click.group(context_settings=HELP, epilog="Example: metier audit verify audit")
def audit() -> None:
    """Verify the audit log of a service."""


@audit.command("verify", context_settings=HELP, epilog="Example: metier audit verify audit")
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--last",
    metavar="HASH",
    help="Hash that an earlier verification gave and that was kept elsewhere: its line must be there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as one line.")
@lang_option()
def verify(*, folder: Path, last: str | None, as_json: bool, lang: str | None) -> int:
    """Say whether every line still follows from the one before it.

    Exit code 1, and the first line that does not, where one was altered, put in or taken out.
    """
    found = verify_chain(folder, last=last)
    if as_json:
        print_json({**vars(found), "is_whole": found.fault is None})
    else:
        for line in _lines(found):
            print_line(line)
    return int(found.fault is not None)


def _lines(found: Verified) -> list[str]:
    say = spoken()
    told = {"lines": count(found.n_lines), "files": count(found.n_files)}
    if found.fault is not None:
        broken = say("broken at {place}: {fault}", place=found.place, fault=say.told(found.fault))
        return [broken, say("whole before it: {lines} line(s|)", **told)]
    lines = [say("whole: {lines} line(s|) in {files} file(s|)", **told)]
    if found.n_removed_files:
        lines.append(say("{n} file(s|) before them removed after their days", n=count(found.n_removed_files)))
    if found.n_repairs:
        lines.append(say("{n} end(s|) of a killed writer repaired", n=count(found.n_repairs)))
    last = say(
        "last hash {hash}; kept elsewhere, it shows later that no end was cut off (--last)",
        hash=found.last_hash,
    )
    return [*lines, last]
