"""The language of what a command prints: `--lang`, else `METIER_LANG`, else English.

What the command line says by itself stands in `zh.yaml` beside this file, what it has in common with the report in that
of the report. Sentences of other packages are recognised by their templates, and so are errors. What is printed for
programs (`--json`) stays English.
"""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from metier.cli.printing import print_line
from metier.report.words import LANGUAGES, Words

VARIABLE = "METIER_LANG"
CHOSEN = "metier.language"  # In the state that a click context shares with its parents.
TYPED = "metier.typed_language"  # The same where it was given by the flag.
PACKAGES = ("metier.cli", "metier.report")


def lang_option(help_text: str = "Language of what is printed.") -> Callable[[Any], Any]:
    """Give the flag; a command takes it as `lang`, and what it calls finds it by `spoken`."""
    return click.option(
        "--lang",
        type=click.Choice(LANGUAGES),
        is_eager=True,
        callback=_choose,
        help=f"{help_text} Default: METIER_LANG, else en.",
    )


def _choose(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    context.meta[TYPED] = value
    chosen = context.meta[CHOSEN] = value or _of_environment()
    return chosen


def with_language(command: str) -> str:
    """Give a command to be typed next, with the flag of the language where this one was typed with it."""
    context = click.get_current_context(silent=True)
    typed = context.meta.get(TYPED) if context is not None else None
    if typed is None:
        return command
    before, mark, comment = command.partition("  # ")
    return f"{before} --lang {typed}{mark}{comment}"


def asked(args: Sequence[str]) -> str | None:
    """Read the language off a command line that may not be parsed yet, or cannot be: `--lang zh`, else METIER_LANG."""
    own = [*args[: args.index("--")]] if "--" in args else [*args]
    for place, word in enumerate(own):
        name, _, value = word.partition("=")
        if name == "--lang":
            value = value or "".join(own[place + 1 : place + 2])
            return value if value in LANGUAGES else _of_environment()
    return _of_environment()


def _of_environment() -> str | None:
    """Read METIER_LANG as LANG is written (`zh_CN.UTF-8`, `en`); a language that is not spoken here is none."""
    wanted = os.environ.get(VARIABLE, "").replace("-", "_").partition("_")[0].partition(".")[0].lower()
    return wanted if wanted in LANGUAGES else None


def note_unknown_language(args: Sequence[str]) -> None:
    """Say on stderr that METIER_LANG names a language that is not spoken here, unless the command line names one."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted and asked(args) is None:
        known = ", ".join(LANGUAGES)
        print_line(f"{VARIABLE}={wanted} is not known ({known}); English is used", file=sys.stderr)


def spoken(language: str | None = None) -> Words:
    """Give the words of the command that runs, or of a language."""
    context = click.get_current_context(silent=True)
    chosen = context.meta.get(CHOSEN) if context is not None else None
    return Words(language or chosen or "en", PACKAGES)
