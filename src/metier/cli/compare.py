"""`metier compare`: which of two or more models answers better, or whether the rows cannot tell."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from metier.assurance.comparing import BEST, FIRST, compare
from metier.assurance.row_matching import WAYS
from metier.cli.commands import HELP
from metier.cli.compared_pairs import conclusion, pair_lines, shown_flips
from metier.cli.console import (
    ProgressLines,
    answer_console,
    count,
    figures_table,
    print_json,
    print_whole,
    progress_console,
)
from metier.cli.row_options import named_roles, reading_options, role_option, separator_option, text_option
from metier.cli.shares import NumberRange
from metier.cli.speech import lang_option, spoken
from metier.data.output_files import check_output, text_output
from metier.evaluation.measure_table import metric_name
from metier.machine import usable_cores
from metier.printable import printable_json
from metier.selection.finished_run import written


@click.command(
    "compare", context_settings=HELP, epilog="Example: metier compare ours.csv theirs.csv --truth test.csv"
)
@click.argument("models", metavar="A B ...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--truth",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Labelled rows that all answered, or are asked now. Default: the test rows of the runs, or labels beside answers.",
)
@click.option(
    "--show", type=click.Choice(["better", "worse"]), help="List the rows that B answers so, as against A."
)
@click.option(
    "--most", type=click.IntRange(min=1), default=10, show_default=True, help="Rows that --show lists."
)
@click.option(
    "--output", metavar="FILE", type=click.Path(path_type=Path), help="JSON file for all figures and every row."
)
@click.option("--overwrite", is_flag=True, help="Replace the file of --output where there is one.")
@click.option("--metric", metavar="NAME", help="Metric to compare in. Default: the one that ranks.")
@click.option(
    "--tolerance",
    type=NumberRange(min=0, max=100),
    default=1.0,
    show_default=True,
    help="How large a difference is none, in points; of metrics that are no percentage, in percent of B's value.",
)
@click.option(
    "--against",
    type=click.Choice([FIRST, BEST]),
    default=FIRST,
    show_default=True,
    help="Of more than two: compare each with the first, or with the best.",
)
@click.option("--by", metavar="COLUMN", help="Compare the rows of each value of a column apart, too.")
@click.option(
    "--common", is_flag=True, help="Compare the rows that all have answered, and leave out the others."
)
@click.option(
    "--match",
    type=click.Choice(WAYS),
    help="How rows of files are found. Default: by ids, else by text, else by place.",
)
@click.option(
    "--id", "id_column", metavar="COLUMN", help="Column of ids in the files. Default: id and the like."
)
@click.option(
    "--prediction", metavar="COLUMN", help="Column with the answers. Default: by its name, and reported."
)
@click.option(
    "--task", metavar="NAME", help="What is predicted, where only files are compared. Default: inferred."
)
@text_option
@click.option("--label", metavar="COLUMN", help="Column with the label in --truth. Default: inferred.")
@role_option
@reading_options
@separator_option
@click.option("--threads", type=click.IntRange(min=1), help="Threads. Default: all cores.")
@click.option(
    "--fail-if-worse", is_flag=True, help="Exit code 1 where another is shown to be worse than the first."
)
@lang_option()
@click.option("--json", "as_json", is_flag=True, help="Print all figures as one line.")
@click.option("--verbose", is_flag=True, help="List every part of the rows, not only those that differ.")
@click.pass_context
def compare_command(
    context: click.Context,
    /,
    *,
    models: tuple[Path, ...],
    show: str | None,
    most: int,
    output: Path | None,
    overwrite: bool,
    tolerance: float,
    roles: tuple[str, ...],
    threads: int | None,
    fail_if_worse: bool,
    lang: str | None,
    as_json: bool,
    verbose: bool,
    **asked: Any,
) -> None:
    """Compare models or files of answers on the same rows: better, equivalent, or the rows cannot tell.

    A and B are runs, bundles, candidates of a run, folders of Hugging Face classifiers, or files of answers from anywhere
    (CSV, TSV, JSON lines, Parquet, Excel). Rows are matched by a column of ids, else by their text, else by their
    position; what is used is said.

    The difference has a paired bootstrap interval, McNemar's test, and two one-sided tests of equivalence; where nothing
    is shown, the number of further rows that would settle it. Rows that change are listed, and parts of the rows compared
    (language, length, label, columns), adjusted by Holm's method. The exit code is 0 whatever comes out.
    """
    if overwrite and output is None:
        raise click.UsageError("--overwrite is for the file of --output, and none is named. Leave it out.")
    if output is not None:
        check_output(output, overwrite=overwrite)
    how = {name: value for name, value in asked.items() if value is not None} | named_roles(roles)
    with ProgressLines() as listener:
        found = compare(
            models,
            tolerance=tolerance / 100,
            all_flips=output is not None,
            threads=threads or usable_cores(),
            listener=listener,
            **how,
        )
    if output is not None:
        with text_output(output, overwrite=overwrite) as write:
            write(printable_json(found.facts, indent=1) + "\n")
    if as_json:
        print_json(found.facts)
    else:
        _print(found.facts, show=show, most=most, verbose=verbose)
    if output is not None:
        progress_console().print(Text(spoken()("all figures are in {file}", file=output)), soft_wrap=True)
    context.exit(1 if fail_if_worse and found.is_worse else 0)


def _print(facts: Mapping[str, Any], *, show: str | None, most: int, verbose: bool) -> None:
    console, say = answer_console(), spoken()
    for note in facts["notes"]:
        progress_console().print(Text(say.told(note)), soft_wrap=True)
    pairs = facts["comparisons"]
    for place, one in enumerate(pairs):
        line = conclusion(one, facts["kinds"], facts["metric"], is_adjusted=len(pairs) > 1)
        console.print(Text(line, style="bold" if place == 0 else ""), soft_wrap=True)
    console.print(
        Text("       " + say("on {rows} row(s|) of {file}", rows=count(facts["rows"]), file=facts["origin"])),
        soft_wrap=True,
    )
    _print_sides(facts)
    for one in pairs:
        if len(pairs) > 1 and "flips" in one:
            console.print(Text(say("{a} and {b}", a=one["a"], b=one["b"]), style="bold"), soft_wrap=True)
        for line in pair_lines(one, facts["kinds"], facts["metric"], verbose=verbose):
            console.print(Text(line), soft_wrap=True)
        for line in shown_flips(one, show, most) if show else ():
            console.print(Text(line), soft_wrap=True)


def _print_sides(facts: Mapping[str, Any]) -> None:
    """The figures of each, in every metric that all have."""
    say = spoken()
    names = [
        name for name in facts["sides"][0]["metrics"] if all(name in one["metrics"] for one in facts["sides"])
    ]
    how = {"stored": say("kept by its run"), "asked": say("asked now"), "file": say("from the file")}
    table = figures_table(say("model"), say("answers"), *(say(metric_name(name)) for name in names), left=2)
    for one in facts["sides"]:
        cells = [_score(one["metrics"][name], name, facts) for name in names]
        table.add_row(*map(Text, (one["name"], how[one["how"]], *cells)))
    print_whole(answer_console(), table)


def _score(score: Any, name: str, facts: Mapping[str, Any]) -> str:
    if isinstance(score, Mapping):
        kind = facts["kinds"].get(name) or {"is_fraction": False}
        return written(score, is_fraction=kind["is_fraction"])
    return "–" if score is None else f"{score:.3g}"
