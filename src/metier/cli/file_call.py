"""What a call that answers a file depends on, and whether a cluster can take it."""

import hashlib
import json
from pathlib import Path

import click

from metier.bundles.manifest import MANIFEST_FILE
from metier.cli.pipes import PIPE
from metier.data.resumable_writing import can_resume
from metier.errors import CallError

# Options that change no answer, or are looked at by themselves.
NOT_ASKED = {
    "overwrite",
    "resume",
    "as_json",
    "lang",
    "threads",
    "workers",
    "place",
    "bundle",
    "source",
    "output",
    "candidate",
}


def check_suits_ray(place: str | None, source: Path | None, output: Path | None, *, has_filter: bool) -> None:
    """Refuse files and filters that workers on Ray cannot take; raises `CallError`."""
    if place is not None and source is not None and output is not None:
        if PIPE in (source, output) or not can_resume(output):
            raise CallError(
                "--on ray answers a file into one of CSV, TSV, JSON lines or Parquet, not through a pipe or into another "
                "format. Name such files, or leave out --on ray."
            )
        if has_filter:
            raise CallError("Workers on Ray have no filter. Leave out the filter, or --on ray.")


def facts_of_call(source: Path, folder: Path) -> dict[str, str]:
    """Give what the answers to a file depend on, by names that are shown where one of them has changed."""
    given = click.get_current_context().params
    options = {name: str(value) for name, value in sorted(given.items()) if name not in NOT_ASKED}
    state = source.stat() if source.exists() else None
    return {
        "--input": str(source.absolute())
        if state is None
        else f"{source.absolute()} {state.st_size} {state.st_mtime_ns}",
        "the bundle": hashlib.sha256((folder / MANIFEST_FILE).read_bytes()).hexdigest(),
        "an option": json.dumps(options),
    }
