"""The flags of the filter of what is written, the same wherever a model answers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from metier.bundles.output_filter import OutputFilter, load_filter
from metier.cli.parted_names import parted

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
PATH = click.Path(path_type=Path)
OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--filter",
        "filters",
        is_flag=True,
        help="Withhold generated texts that hold a listed word, English or Chinese.",
    ),
    click.option(
        "--filter-words",
        metavar="FILE",
        type=PATH,
        multiple=True,
        help="List of words for --filter, one a line; may be repeated. Default: our own lists.",
    ),
    click.option(
        "--filter-model",
        metavar="RUN_OR_BUNDLE",
        type=PATH,
        help="Model of labels for texts, for --filter: also withhold what it finds harmful.",
    ),
    click.option(
        "--filter-labels",
        metavar="A,B",
        callback=parted,
        help="Labels of --filter-model that are harmful.",
    ),
)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags of the filter."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def asked_filter(
    filters: bool,
    filter_words: Sequence[Path],
    filter_model: Path | None,
    filter_labels: Sequence[str] | None,
    *,
    threads: int = 1,
) -> OutputFilter | None:
    """Load the filter that the flags ask for; None: none is asked for. Raises as `load_filter` does."""
    given = {"--filter-words": filter_words, "--filter-model": filter_model, "--filter-labels": filter_labels}
    idle = [flag for flag, value in given.items() if value]
    if not filters:
        if idle:
            raise click.UsageError(
                f"{', '.join(idle)} would do nothing without --filter. Leave that out, or give --filter."
            )
        return None
    return load_filter(words=filter_words, classifier=filter_model, labels=filter_labels or (), threads=threads)
