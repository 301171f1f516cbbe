"""`metier backtest`: an archive of dated messages watched as if it came in live."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from metier.bundles import load_bundle, resolve_bundle
from metier.cli.commands import HELP
from metier.cli.console import (
    ProgressLines,
    answer_console,
    count,
    figures_table,
    print_json,
    print_whole,
    progress_console,
)
from metier.cli.row_options import parted, reading_options, text_option
from metier.cli.speech import lang_option, spoken
from metier.data import Rows, read
from metier.data.output_files import check_output, text_output
from metier.errors import CallError, MissingColumnError
from metier.machine import usable_cores
from metier.monitoring.alarms import LASTING
from metier.monitoring.archive_times import archive_seconds
from metier.monitoring.backtest import Backtest
from metier.monitoring.backtest import backtest as watched
from metier.monitoring.budget import FalseAlarms
from metier.monitoring.findings import Finding
from metier.monitoring.series import ALL, DAY, SECONDS, Series
from metier.monitoring.signals import DETECTORS
from metier.printable import printable_json
from metier.progress import Listener

BATCH = 1_024
ANSWER = "answer"  # Stands for the labels of --bundle in --by.
SHOWN = 40  # Characters of an example.
MOST_MISSED = 5  # Series whose smallest surge is listed.


@click.command(
    context_settings=HELP,
    epilog="Example: metier backtest reviews.csv --time date --by region --false-alarms 1/month",
)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--time", metavar="COLUMN", help="Column with the time. Default: inferred, and reported.")
@click.option(
    "--by", metavar="A,B", callback=parted, help="Columns whose values are counted apart, all combinations."
)
@click.option(
    "--bundle",
    metavar="RUN_OR_BUNDLE",
    type=click.Path(path_type=Path),
    help="A model of labels that answers each message; its labels are counted apart, too.",
)
@click.option(
    "--period", type=click.Choice(list(SECONDS)), default=DAY, show_default=True, help="What is counted in."
)
@click.option(
    "--false-alarms",
    default="1/month",
    show_default=True,
    metavar="N/UNIT",
    help="Allowed false alarms over all series together, by day, week, month or year.",
)
@click.option(
    "--detector",
    "detector_name",
    type=click.Choice(list(DETECTORS)),
    default="quasi_cusum",
    show_default=True,
    metavar="NAME",
    help="How surges are found: evidence that is summed (quasi_cusum, cusum), one count at a time, or what they are "
    "compared with.",
)
@click.option("--count-copies", is_flag=True, help="Count messages that are nearly the same each, not once.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="JSON file for all facts.")
@click.option("--overwrite", is_flag=True, help="Replace the file of --output where there is one.")
@text_option
@reading_options
@click.option("--threads", type=click.IntRange(min=1), help="Threads of --bundle. Default: all cores.")
@lang_option()
@click.option("--json", "as_json", is_flag=True, help="Print all facts as one line.")
def backtest(
    *,
    file: Path,
    time: str | None,
    by: Sequence[str] | None,
    bundle: Path | None,
    period: str,
    false_alarms: str,
    detector_name: str,
    count_copies: bool,
    output: Path | None,
    overwrite: bool,
    threads: int | None,
    lang: str | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Watch an archive of dated messages as if it came in live.

    Messages are counted by period, all together and by each combination of --by. What a count should be is learned from the
    three months before it: level, trend and weekday, past surges weighed down; a name that is new is held against others of
    its kind. An alarm says since when, how many times as
    many messages there are as expected, with its interval, and what else moved. The false alarms of all series together
    are expected to be no more than --false-alarms, and the smallest surge that would be found is said.

    Messages nearly the same as one of the seven days before it count once: a story copied 300 times is not 300 opinions.
    """
    allowed = FalseAlarms.of(false_alarms)
    if output is not None:
        check_output(output, overwrite=overwrite)
    given = {name: value for name, value in {**how, "time": time}.items() if value is not None}
    rows = read(file, **given)
    if rows.roles.time is None:
        raise CallError(f"No column of {rows.origin} is known as the time. Name it with --time.")
    seconds, texts = archive_seconds(rows), list(rows.texts)
    with ProgressLines() as listener:
        columns = _columns(rows, by or ()) | _answers(bundle, texts, threads or usable_cores(), listener)
        found = watched(
            seconds,
            texts,
            columns,
            false_alarms=allowed,
            period=period,
            detector_name=detector_name,
            collapses=not count_copies,
            listener=listener,
        )
    facts = {"file": str(file), "by": [*(by or ()), *([ANSWER] if bundle else [])], **found.as_dict()}
    if output is not None:
        with text_output(output, overwrite=overwrite) as write:
            write(printable_json(facts, indent=1) + "\n")
    print_json(facts) if as_json else _print(found, facts)
    if output is not None and not as_json:
        progress_console().print(Text(spoken()("all facts are in {file}", file=output)), soft_wrap=True)


def _columns(rows: Rows, names: Sequence[str]) -> dict[str, list[Any]]:
    for name in names:
        if name not in rows.table.column_names:
            raise MissingColumnError(name, found=rows.table.column_names, origin=rows.origin, flag="--by")
    return {name: rows.table.column(name).to_pylist() for name in names}


def _answers(
    bundle: Path | None, texts: Sequence[str], threads: int, listener: Listener
) -> dict[str, list[str]]:
    """Give the label of each message as one more column; none without a bundle."""
    if bundle is None:
        return {}
    model = load_bundle(resolve_bundle(bundle), threads=threads)
    if not model.labels or model.input_keys != ("text",):
        raise CallError(
            f"{model.name} does not answer texts with labels, so there is nothing to count by. Leave --bundle out."
        )
    batches = [model.predict(texts[at : at + BATCH]).predicted for at in range(0, len(texts), BATCH)]
    return {ANSWER: [str(one) for batch in batches for one in batch]}


def _print(found: Backtest, facts: Mapping[str, Any]) -> None:
    console, say = answer_console(), spoken()
    given = {
        "messages": count(found.archive.n_messages),
        "distinct": count(found.archive.n_distinct),
        "series": count(found.watched),
        "periods": count(found.archive.n_periods),
        "allowed": str(found.false_alarms),
    }
    unit = say("days") if found.archive.period == DAY else say("hours")
    console.print(
        Text(
            say(
                "{messages} messages ({distinct} distinct) in {periods} {unit}, {series} series; false alarms allowed: "
                "{allowed}",
                **given,
                unit=unit,
            )
        ),
        soft_wrap=True,
    )
    if not found.alarms:
        console.print(Text(say("no alarm")), soft_wrap=True)
    else:
        print_whole(console, _table(found))
    for line in _missed(found):
        console.print(Text(line), soft_wrap=True)


def _table(found: Backtest) -> Any:
    say, period = spoken(), found.archive.period
    table = figures_table(
        say("raised"),
        say("series"),
        say("since"),
        say("times as many"),
        say("messages"),
        say("example"),
        left=2,
    )
    for one in found.alarms:
        facts = one.facts
        table.add_row(
            Text(_moment(one.raised, period)),
            Text(_series_of(one)),
            Text(_moment(one.since, period)),
            Text(f"{facts['times']:.1f} [{facts['low']:.1f}, {facts['high']:.1f}]"),
            count(facts["observed"]),
            Text(" ".join(facts["examples"][0].split())[:SHOWN] if facts["examples"] else "–"),
        )
    return table


def _moment(at: datetime, period: str) -> str:
    return at.strftime("%Y-%m-%d" if period == DAY else "%Y-%m-%d %H:%M")


def _series_of(finding: Finding) -> str:
    return _named(tuple(finding.series.items()))


def _named(series: Series) -> str:
    """Give the name of a series."""
    return spoken()("all messages") if series == ALL else " · ".join(value or "–" for _, value in series)


def _missed(found: Backtest) -> list[str]:
    totals, period = found.archive.totals, found.archive.period
    ranked = sorted(found.missed.items(), key=lambda one: -totals[one[0]])
    return [_smallest(period, key, times) for key, times in ranked[:MOST_MISSED]]


def _smallest(period: str, key: Series, times: float | None) -> str:
    say = spoken()
    unit = say("days") if period == DAY else say("hours")
    if times is None:
        return say(
            "{name}: too few messages for a surge of {n} {unit} to be found",
            name=_named(key),
            n=LASTING,
            unit=unit,
        )
    return say(
        "{name}: {times} times as many for {n} {unit} are found in 80 % of cases; less may be missed",
        name=_named(key),
        times=f"{times:g}",
        n=LASTING,
        unit=unit,
    )
