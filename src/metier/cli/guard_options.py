"""The flags of what guards a service: keys, TLS, pages of other origins, masking, the audit log."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from metier.serving.guards.settings import AuditSync, GuardSettings, MaskPolicy
from metier.serving.prediction_log.kept_texts import TextPolicy

FILE = click.Path(path_type=Path, dir_okay=False)
SET = frozenset(GuardSettings.model_fields) - {"audit_file_bytes"}
NAMES = {
    "allow_origins": "allow_origin"
}  # What a setting is called on the command line, where that is another.
OPTIONS = (
    click.option(
        "--keys", type=FILE, metavar="FILE", help="Ask for keys, which metier keys keeps in this file."
    ),
    click.option(
        "--without-keys", is_flag=True, help="Let whoever reaches the port ask, also beyond this machine."
    ),
    click.option("--tls-cert", type=FILE, metavar="FILE", help="Speak TLS with this certificate, in PEM."),
    click.option("--tls-key", type=FILE, metavar="FILE", help="Key of --tls-cert, in PEM, without a password."),
    click.option(
        "--allow-origin",
        multiple=True,
        metavar="ORIGIN",
        help="Let pages of this origin ask, such as https://app.example.com; may be repeated. Default: none.",
    ),
    click.option(
        "--mask",
        type=click.Choice(get_args(MaskPolicy)),
        help="Mask personal data: before the model (input), in what is logged alone (log), or nowhere (off). "
        "Default: as the bundle says, else log.",
    ),
    click.option(
        "--trusted-keys",
        type=FILE,
        metavar="FILE",
        help="Serve bundles alone that one of these keys has signed; see metier sign.",
    ),
    click.option(
        "--audit",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="FOLDER",
        help="Keep an audit log there: who asked what and when, without texts.",
    ),
    click.option(
        "--audit-sync",
        type=click.Choice(get_args(AuditSync)),
        default="second",
        show_default=True,
        help="Write the audit log through to the disk before each answer (request), every second, or never.",
    ),
    click.option(
        "--audit-days", type=click.IntRange(min=1), help="Days that the audit log keeps. Default: all."
    ),
    click.option("--audit-optional", is_flag=True, help="Answer also while the audit log cannot be written."),
)


def guard_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags; it takes what they say as `guards` and `without_keys`."""

    @functools.wraps(command)
    def with_guards(**given: Any) -> Any:
        own = {name: given.pop(NAMES.get(name, name)) for name in GuardSettings.model_fields if name in SET}
        return command(guards=GuardSettings.model_validate(own), **given)

    for option in reversed(OPTIONS):
        with_guards = option(with_guards)
    return with_guards


def check_with(guards: GuardSettings, *, log_texts: TextPolicy, cases: Path | None) -> None:
    """Refuse guards that other flags of a service would undo, or that do not reach what it serves."""
    if guards.mask in ("input", "log") and log_texts == "plain":
        raise click.UsageError(
            f"--mask {guards.mask} and --log-texts plain contradict one another. Leave one out."
        )
    if cases is not None and (guards.mask == "input" or guards.trusted_keys is not None):
        raise click.UsageError("--mask input and --trusted-keys are not for --cases. Leave one out.")
