"""Plain lines on stdout and stderr, in which nothing acts on the terminal; without rich, so that failures start lightly."""

import sys
from typing import Any, TextIO

from metier.printable import printable, printable_json


def print_json(facts: Any) -> None:
    """Print facts for programs: one object on one line of stdout."""
    print(printable_json(facts), flush=True)


def print_line(line: str, *, file: TextIO | None = None, end: str = "\n") -> None:
    """Print a line, or a piece of one, as it is but for what would act on the terminal; default: on stdout."""
    print(printable(line), file=file or sys.stdout, end=end, flush=True)
