"""`metier test`: how a trained model behaves where its questions are edited, and on tests that the user wrote."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from metier.assurance.behaviour.case import DIRECTION, BehaviourResult
from metier.assurance.behaviour.edits import EDITS
from metier.assurance.behaviour.testing import Behaviour, examine_behaviour
from metier.assurance.run_pages import SUITES as KEPT
from metier.assurance.run_pages import is_run, keep_tests
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
from metier.cli.failed_cases import failed_case
from metier.cli.row_options import (
    named_roles,
    parted,
    reading_options,
    role_option,
    separator_option,
    text_option,
)
from metier.cli.speech import lang_option, spoken
from metier.cli.suites import BEHAVIOUR, FAIRNESS, SUITES, Examined, check_heeded, examined, print_examined
from metier.data.output_files import check_output, text_output
from metier.evaluation.measure_table import metric_name
from metier.machine import usable_cores
from metier.printable import printable_json

EXAMPLES = 2  # Failed cases that are shown of each test.


@click.command(context_settings=HELP, epilog="Example: metier test runs/demo examples/banking77/test.csv")
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--suite",
    type=click.Choice(SUITES),
    default=BEHAVIOUR,
    show_default=True,
    help="What is tested: edits that keep the meaning, how groups of people are answered, what a base prefers, or what a "
    "writer has memorised.",
)
@click.option(
    "--group-by",
    metavar="A,B",
    callback=parted,
    help="Columns that name the group of each row, for --suite fairness.",
)
@click.option(
    "--group-thresholds",
    "group_threshold_label",
    metavar="LABEL",
    help="Show what a threshold for each group of --group-by would do to how often LABEL is answered.",
)
@click.option(
    "--identity-terms",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Words that name groups (YAML), for --suite fairness. Default: our own, English and Chinese.",
)
@click.option("--tests", metavar="FILE", type=click.Path(path_type=Path), help="Tests that you wrote (YAML).")
@click.option("--only", metavar="A,B", callback=parted, help="Names of edits to try. Default: all.")
@click.option("--adversarial", is_flag=True, help="Search for few typing errors that turn an answer.")
@click.option(
    "--shift",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Labelled rows of another domain, to be compared with FILE.",
)
@click.option("--list", "lists", is_flag=True, help="List the edits, and run none.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="JSON file for every case, passed ones too.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file of --output where there is one.")
@text_option
@click.option("--label", metavar="COLUMN", help="Column with the label. Default: as in training.")
@role_option
@reading_options
@separator_option
@click.option("--threads", type=click.IntRange(min=1), help="Threads. Default: all cores.")
@lang_option()
@click.option("--json", "as_json", is_flag=True, help="Print the result as one line.")
def test(
    *,
    bundle: Path,
    file: Path | None,
    suite: str,
    group_by: Sequence[str] | None,
    group_threshold_label: str | None,
    identity_terms: Path | None,
    tests: Path | None,
    only: Sequence[str] | None,
    adversarial: bool,
    shift: Path | None,
    lists: bool,
    output: Path | None,
    overwrite: bool,
    roles: tuple[str, ...],
    threads: int | None,
    lang: str | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Test how a model behaves where its questions are written otherwise, and on what you expect of it.

    Each row of FILE is edited so that it means the same: typing errors, case, punctuation, names, numbers, Chinese
    characters of the same sound or shape, full width. Words that carry meaning, numbers and answered spans are left as
    they are. Shown is the share of answers that change, right or wrong. --tests names sentences that must be answered
    right, or whose answer must move in one direction.

    --suite fairness names other groups of people in the rows (gender, religion, ...) and shows how far the answers move;
    --group-by compares the accuracy and the answers of the groups that a column names.

    --suite base asks a pretrained model which sentences of FILE (CrowS-Pairs, Winogender) it finds likelier. --suite
    canaries asks a writer how likely it finds the secrets of FILE, which were planted in its training rows (metier plant).
    """
    if lists:
        _list(as_json=as_json)
        return
    if output is not None:
        check_output(output, overwrite=overwrite)
    how = {name: value for name, value in how.items() if value is not None} | named_roles(roles)
    how["threads"] = threads or usable_cores()
    of_behaviour: dict[str, Any] = {"tests": tests, "only": only, "adversarial": adversarial, "shift": shift}
    of_fairness: dict[str, Any] = {
        "group_by": group_by,
        "group_threshold_label": group_threshold_label,
        "identity_terms": identity_terms,
    }
    check_heeded({BEHAVIOUR: of_behaviour, FAIRNESS: of_fairness}, suite)
    found: Behaviour | Examined
    with ProgressLines() as listener:
        if suite == BEHAVIOUR:
            found = examine_behaviour(bundle, file, listener=listener, **of_behaviour, **how)
        else:
            found = examined(suite, bundle, file, {**of_fairness, **how}, listener)
    facts = found.as_dict()
    if output is not None:
        with text_output(output, overwrite=overwrite) as write:
            write(printable_json(facts, indent=1) + "\n")
    _show(found, facts, output=output, as_json=as_json)
    if suite in KEPT and is_run(bundle):
        keep_tests(bundle, suite, facts)  # Last: a folder that cannot be written to loses nothing.


def _show(found: Behaviour | Examined, facts: Mapping[str, Any], *, output: Path | None, as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    if isinstance(found, Behaviour):
        _print(found.results, facts)
    else:
        print_examined(found)
    if output is not None:
        progress_console().print(Text(spoken()("every case is in {file}", file=output)), soft_wrap=True)


def _list(*, as_json: bool) -> None:
    if as_json:
        print_json([{"name": edit.name, "does": edit.does} for edit in EDITS])
        return
    console, say = answer_console(), spoken()
    for edit in EDITS:
        console.print(Text(f"{edit.name:12}  {say.told(edit.does)}"), soft_wrap=True)


def _print(results: Sequence[BehaviourResult], facts: Mapping[str, Any]) -> None:
    console, say = answer_console(), spoken()
    table = figures_table(
        say("test"), say("what is tried"), say("fails %"), say("cases"), say("left out"), left=2
    )
    for one in results:
        figure = one.figure
        share = (
            "–"
            if figure is None or figure.low is None or figure.high is None
            else f"{100 * figure.value:.1f} [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"
        )
        table.add_row(
            Text(f"{one.kind}.{one.name}"),
            Text(say.told(one.does)),
            share,
            count(len(one.cases)),
            count(one.left_out),
        )
    print_whole(console, table)
    for one in results:
        for case in one.failures[:EXAMPLES]:
            console.print(
                Text(failed_case(one.name, case, is_probability=one.kind == DIRECTION)), soft_wrap=True
            )
    if (shift := facts["shift"]) is not None:
        difference = shift["difference"]
        given = {"metric": say(metric_name(shift["metric"])), "file": shift["there"]["origin"]}
        given |= {name: f"{shift[name]['value']:.3f}" for name in ("here", "there")}
        gap = f"{difference['value']:+.3f} [{difference['low']:+.3f}, {difference['high']:+.3f}]".replace(
            "-", "−"
        )
        line = say("shift  {metric} {here} here, {there} on {file} ({gap})", **given, gap=gap)
        console.print(Text(line), soft_wrap=True)
