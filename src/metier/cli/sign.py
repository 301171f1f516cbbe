"""`metier sign`: who vouches for a bundle."""

from pathlib import Path

import click

from metier.bundles import resolve_bundle
from metier.bundles.signing import check_signature, create_signing_key, sign_bundle
from metier.cli.commands import HELP
from metier.cli.console import print_json, print_line
from metier.cli.speech import lang_option, spoken

FILE = click.Path(path_type=Path, dir_okay=False)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the facts as one line.")
bundle_argument = click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))


@click.group(context_settings=HELP, epilog="Example: metier sign verify runs/demo --trusted-keys trusted.txt")
def sign() -> None:
    """Sign bundles, and verify who signed them."""


@sign.command(
    "new-key", context_settings=HELP, epilog="Example: metier sign new-key release.pem --name release"
)
@click.argument("file", metavar="FILE", type=FILE)
@click.option("--name", default="release", show_default=True, metavar="NAME", help="What the key is called.")
@json_option
@lang_option()
def new_key(*, file: Path, name: str, as_json: bool, lang: str | None) -> None:
    """Make a key to sign with, and FILE.pub for whoever verifies.

    FILE is the secret one; keep it away from the machine that serves. The line of FILE.pub goes into the file of trusted
    keys there.
    """
    line = create_signing_key(file, name)
    if as_json:
        print_json({"key": str(file), "public": line})
        return
    print_line(line)


@sign.command("bundle", context_settings=HELP, epilog="Example: metier sign bundle runs/demo --key release.pem")
@bundle_argument
@click.option("--key", required=True, type=FILE, metavar="FILE", help="Key of metier sign new-key.")
@json_option
@lang_option()
def sign_one(*, bundle: Path, key: Path, as_json: bool, lang: str | None) -> None:
    """Sign a bundle, after its release gate.

    What changes the manifest breaks the signature.
    """
    folder = resolve_bundle(bundle)
    public = sign_bundle(folder, key)
    if as_json:
        print_json({"bundle": str(folder), "key": public})
        return
    print_line(spoken()("{folder}: signed by {key}", folder=folder, key=public))


@sign.command(
    "verify", context_settings=HELP, epilog="Example: metier sign verify runs/demo --trusted-keys trusted.txt"
)
@bundle_argument
@click.option(
    "--trusted-keys",
    "trusted",
    required=True,
    type=FILE,
    metavar="FILE",
    help="Lines of the .pub files of keys.",
)
@json_option
@lang_option()
def verify(*, bundle: Path, trusted: Path, as_json: bool, lang: str | None) -> None:
    """Say which trusted key signed a bundle that is as it was then.

    Exit code 1 where none did, or something was changed afterwards.
    """
    folder = resolve_bundle(bundle)
    name = check_signature(folder, trusted)
    if as_json:
        print_json({"bundle": str(folder), "signed_by": name})
        return
    print_line(spoken()("{folder}: signed by {name}, and unchanged", folder=folder, name=name))
