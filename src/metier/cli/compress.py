"""`metier compress`: a bundle made smaller or faster, with the proof that it stayed as good."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from metier import compression
from metier.cli.commands import HELP
from metier.cli.console import (
    ProgressLines,
    answer_console,
    count,
    figures_table,
    milliseconds,
    print_json,
    print_whole,
    progress_console,
    size,
)
from metier.cli.row_options import named_roles, reading_options, role_option, separator_option, text_option
from metier.cli.speech import lang_option, spoken, with_language
from metier.compression.command_defaults import MARGIN, SUMMARIES
from metier.data.output_files import check_output, text_output
from metier.evaluation import describe_metric
from metier.evaluation.measure_table import metric_name
from metier.machine import usable_cores
from metier.printable import printable
from metier.selection.budget import parse_duration
from metier.selection.finished_run import written

MARKS = {"chosen": ("★", "bold blue"), "accepted": ("✓", "blue"), "refused": ("✗", "red")}
SHOWN_FLIPS = 5


@click.command(
    context_settings=HELP,
    epilog="Example: metier compress runs/demo --data train.csv --test test.csv --target latency_ms=0.5",
)
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Labelled rows that the bundle was trained on.",
)
@click.option(
    "--validation",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Labelled rows that it has not seen. Default: held out of --data as its run held them out.",
)
@click.option(
    "--test",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Labelled rows that are read once, at the end, for the bundle that is written.",
)
@click.option(
    "--unlabelled",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Texts without labels; the bundle answers them for its students.",
)
@click.option(
    "--target",
    metavar="NAME=NUMBER",
    help="latency_ms=0.5 (mean of one row, one thread) or size_mb=10. Default: the fastest of all that are tried.",
)
@click.option(
    "--try",
    "chains",
    multiple=True,
    metavar="A+B",
    help=f"Techniques in their order, may be repeated: {', '.join(SUMMARIES)}. Default: what fits, the cheapest first.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    default=MARGIN,
    show_default=True,
    metavar="SHARE",
    help="Loss that the tests have to rule out.",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Epochs of recovery and of distillation.",
)
@click.option(
    "--budget", metavar="TIME", default="30m", show_default=True, help="Time budget: 10m, 90s, 1h30m."
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FOLDER", help="Folder of the new bundle.")
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE", help="SVG file for the picture of the frontier."
)
@click.option(
    "--refit",
    is_flag=True,
    help="Let what is written learn from the validation rows as well, once it was judged.",
)
@click.option("--overwrite", is_flag=True, help="Replace the bundle of --output and the file of --plot.")
@text_option
@click.option(
    "--label", metavar="COLUMN", help="Column with the label. Default: as in training, else inferred."
)
@role_option
@reading_options
@separator_option
@click.option("--threads", type=click.IntRange(min=1), help="Threads. Default: all cores.")
@lang_option()
@click.option("--json", "as_json", is_flag=True, help="Print all figures as one line.")
@click.option("--verbose", is_flag=True, help="List every answer that changed.")
@click.pass_context
def compress(
    context: click.Context,
    /,
    *,
    bundle: Path,
    plot: Path | None,
    budget: str,
    threads: int | None,
    overwrite: bool,
    roles: tuple[str, ...],
    lang: str | None,
    as_json: bool,
    verbose: bool,
    **how: Any,
) -> None:
    """Make a bundle smaller or faster, and prove that it stayed as good.

    Chains of techniques are tried, the cheapest first, at most eight. Each is judged by two one-sided tests on validation
    rows that it never learned from, and timed by turns with the bundle as it is; what is not shown to be as good, or is
    neither faster nor smaller, is refused with the figures. What was finished is kept: the same command goes on with it.

    Exit code 0: a bundle was written; 1: nothing passed, or nothing reaches the target, and the nearest is shown.
    """
    how |= named_roles(roles)
    if plot is not None:
        check_output(plot, overwrite=overwrite)
    with ProgressLines() as listener:
        found = compression.compress(
            bundle,
            budget_seconds=parse_duration(budget),
            threads=threads or usable_cores(),
            overwrite=overwrite,
            listener=listener,
            **how,
        )
    if plot is not None:
        with text_output(plot, overwrite=overwrite) as write:
            write(compression.frontier_svg(found.points, found.chosen, say=spoken()))
    if as_json:
        print_json(found.facts)
    else:
        _print(found, answer_console(), verbose=verbose)
    context.exit(0 if found.is_written else 1)


def _print(found: "compression.Compressed", console: Console, *, verbose: bool) -> None:
    say, facts = spoken(), found.facts
    for note in facts["notes"]:
        progress_console().print(Text(say.told(note)), soft_wrap=True)
    console.print(Text(_headline(facts)), soft_wrap=True)
    print_whole(console, _table(facts))
    for line in [*_refused(facts), *_tested(facts), *_flips(facts, verbose=verbose), *_left_out(facts)]:
        console.print(Text(line), soft_wrap=True)
    if facts["output"] is not None:
        command = with_language(f"metier serve {facts['output']}")
        progress_console().print(Text(say("next:  {command}", command=command)), soft_wrap=True)


def _headline(facts: Mapping[str, Any]) -> str:
    say, target = spoken(), facts["target"]
    given = {} if target is None else {"target": f"{target['name']}={target['value']:g}"}
    if facts["chosen"] is not None:
        return say(
            "{output}: {name} by {chain}",
            output=facts["output"],
            name=facts["source"]["name"],
            chain=facts["chosen"],
        )
    if target is None or facts["nearest"] is None:
        return say("no bundle was written: nothing that was tried passed its tests and is faster or smaller")
    return say(
        "no bundle was written: nothing reaches {target}; the nearest is {chain}",
        chain=facts["nearest"],
        **given,
    )


def _table(facts: Mapping[str, Any]) -> Any:
    say = spoken()
    metric = say(metric_name(facts["metric"]))
    table = figures_table(
        "",
        say("technique"),
        metric,
        say("difference"),
        say("one row"),
        say("times as fast"),
        say("size"),
        say("verdict"),
        left=2,
    )
    judged = [one for one in facts["points"] if one["judgement"] is not None]
    if judged:
        before = _score(judged[0]["judgement"]["before"], facts)
        whole = milliseconds(judged[0]["timing"]["before_ms"])
        table.add_row("", say("as it is"), before, "", whole, "1", size(facts["source"]["size_bytes"]), "")
    for one in facts["points"]:
        table.add_row(*_row(one, facts))
    return table


def _row(one: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Any]:
    say, tests = spoken(), one["judgement"]
    kind = "refused" if one["refused"] else "chosen" if one["name"] == facts["chosen"] else "accepted"
    mark = Text(MARKS[kind][0], style=MARKS[kind][1])
    if tests is None:
        return [mark, one["name"], "–", "–", "–", "–", "–", say.told(kind)]
    ends = f"{100 * tests['difference']:+.1f} [{100 * tests['low']:+.1f}, {100 * tests['high']:+.1f}]"
    return [
        mark,
        one["name"],
        _score(tests["after"], facts),
        ends.replace("-", "−"),
        milliseconds(one["timing"]["after_ms"]),
        f"{one['timing']['before_ms'] / one['timing']['after_ms']:.1f}",
        size(one["size_bytes"]),
        say.told(tests["verdict"] if kind != "refused" or tests["verdict"].startswith("not") else kind),
    ]


def _score(interval: Mapping[str, float], facts: Mapping[str, Any]) -> str:
    return written(interval, is_fraction=describe_metric(facts["metric"])["is_fraction"])


def _refused(facts: Mapping[str, Any]) -> list[str]:
    say = spoken()
    return [
        say("refused {name}: {why}", name=one["name"], why=say.told(one["refused"]))
        for one in facts["points"]
        if one["refused"]
    ]


def _tested(facts: Mapping[str, Any]) -> list[str]:
    """Say what the test rows showed of the bundle that was written, and of the one before."""
    if not facts["test"]:
        return []
    metric = facts["metric"]
    before, after = (_score(facts["test"][name][metric], facts) for name in ("before", "after"))
    rows = count(facts["rows"]["test"])
    given = {"metric": spoken()(metric_name(metric)), "after": after, "before": before, "rows": rows}
    return [spoken()("test   {metric} {after} on {rows} row(s|), before {before}", **given)]


def _flips(facts: Mapping[str, Any], *, verbose: bool) -> list[str]:
    say = spoken()
    shown = next((one for one in facts["points"] if one["name"] == (facts["chosen"] or facts["nearest"])), None)
    if shown is None:
        return []
    flips, tests = shown["judgement"]["flips"], shown["judgement"]
    lines = [
        say("{n} of {rows} validation answers changed", n=count(tests["n_flips"]), rows=count(tests["rows"]))
    ]
    for flip in flips if verbose else flips[:SHOWN_FLIPS]:
        lines.append(
            f"  {printable(flip['text'])[:100]}: {flip['before']} → {flip['after']} ({flip['target']})"
        )
    if len(flips) > SHOWN_FLIPS and not verbose:
        lines.append(say("… {n} more (--verbose lists all)", n=count(len(flips) - SHOWN_FLIPS)))
    return lines


def _left_out(facts: Mapping[str, Any]) -> list[str]:
    if not facts["left_out"]:
        return []
    return [spoken()("not tried for want of time: {names} (--budget)", names=", ".join(facts["left_out"]))]
