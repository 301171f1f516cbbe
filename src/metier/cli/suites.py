"""The suites of `metier test` besides behaviour: who runs each, and who prints what it found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from metier.assurance.fairness.preference import Preference, examine_preference
from metier.assurance.fairness.testing import Fairness, examine_fairness
from metier.assurance.memorisation.exposure import Memorised, examine_memorisation
from metier.cli.tested_fairness import print_fairness
from metier.cli.tested_writers import print_memorised, print_preference
from metier.progress import Listener

BEHAVIOUR, FAIRNESS, BASE, CANARIES = "behaviour", "fairness", "base", "canaries"
SUITES = (BEHAVIOUR, FAIRNESS, BASE, CANARIES)
Examined = Fairness | Preference | Memorised


def examined(
    suite: str, bundle: Path, file: Path | None, asked: Mapping[str, Any], listener: Listener
) -> Examined:
    """Run a suite; raises as it does."""
    if file is None:
        raise click.UsageError(f"--suite {suite} needs rows. Name a file of rows after the model.")
    if suite == FAIRNESS:
        given = {**asked, "group_by": asked["group_by"] or ()}
        return examine_fairness(bundle, file, listener=listener, **given)
    if suite == BASE:
        return examine_preference(bundle, file, listener=listener)
    return examine_memorisation(bundle, file, listener=listener)


def print_examined(found: Examined) -> None:
    """Print what a suite found."""
    if isinstance(found, Fairness):
        print_fairness(found)
    elif isinstance(found, Preference):
        print_preference(found)
    else:
        print_memorised(found)


def check_heeded(options: Mapping[str, Mapping[str, Any]], suite: str) -> None:
    """Refuse options of another suite, which would do nothing."""
    idle = [
        f"--{name.replace('_', '-')}"
        for own, values in options.items()
        if own != suite
        for name, value in values.items()
        if value
    ]
    if idle:
        raise click.UsageError(f"{', '.join(idle)} would do nothing with --suite {suite}. Leave it out.")
