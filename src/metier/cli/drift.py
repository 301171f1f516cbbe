"""`metier drift`: whether new rows differ from those that a run has measured, and how right answers still are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from metier.cli.commands import HELP
from metier.cli.console import ProgressLines, answer_console, count, figures_table, print_json, print_whole
from metier.cli.row_options import named_roles, reading_options, role_option, text_option
from metier.cli.speech import lang_option, spoken
from metier.monitoring.drift import Drift
from metier.monitoring.drift import drift as held_against

MOST = 8  # Labels and words that are listed.


@click.command(context_settings=HELP, epilog="Example: metier drift runs/demo asked-in-may.csv")
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--reference",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Earlier rows, such as those of training: words that are more or less frequent are listed.",
)
@text_option
@role_option
@reading_options
@lang_option()
@click.option("--json", "as_json", is_flag=True, help="Print all facts as one line.")
@click.pass_context
def drift(
    context: click.Context,
    /,
    *,
    run: Path,
    file: Path,
    reference: Path | None,
    roles: tuple[str, ...],
    lang: str | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Say what moved in rows without labels, and how right answers are.

    The rows are answered by the recommended model and held against the test rows of the run: two tests of the answers by
    permutation, the shares of labels corrected for what the model mistakes for what, and an estimate of the accuracy from
    how sure the answers are, with its interval. The estimate assumes that answers of the same confidence are as often right
    as before; a small random sample with labels, measured by metier evaluate, is what can tell.

    Exit code 1 where a test says that the rows have moved, 0 otherwise.
    """
    given = {name: value for name, value in how.items() if value is not None} | named_roles(roles)
    with ProgressLines() as listener:
        found = held_against(run, file, reference=reference, listener=listener, **given)
    facts = found.as_dict()
    print_json(facts) if as_json else _print(found, facts)
    context.exit(1 if found.has_drifted else 0)


def _print(found: Drift, facts: Mapping[str, Any]) -> None:
    console, say = answer_console(), spoken()
    tests = {name: f"p = {one.p_value:.2g}" for name, one in found.tests.items()}
    rows = {
        "rows": count(found.n_rows),
        "reference": count(found.n_reference),
        "split": say(found.split),
        **tests,
    }
    headline = (
        say(
            "{rows} rows have moved away from the {reference} {split} rows (confidence {confidence}, answers {answers})",
            **rows,
        )
        if found.has_drifted
        else say(
            "{rows} rows are not shown to differ from the {reference} {split} rows (confidence {confidence}, answers "
            "{answers})",
            **rows,
        )
    )
    console.print(Text(headline), soft_wrap=True)
    own = found.accuracy
    console.print(
        Text(
            say(
                "estimated accuracy {value} % [{low}, {high}], where it was {measured} %; if answers of the same "
                "confidence are as often right as before",
                value=f"{100 * own.value:.1f}",
                low=f"{100 * own.low:.1f}",
                high=f"{100 * own.high:.1f}",
                measured=f"{100 * found.measured:.1f}",
            )
        ),
        soft_wrap=True,
    )
    if found.moved_labels:
        print_whole(console, _labels(facts, found))
    if found.words:
        print_whole(console, _words(found))


def _labels(facts: Mapping[str, Any], found: Drift) -> Any:
    say = spoken()
    table = figures_table(say("label"), say("before %"), say("now %"), say("answered %"), left=1)
    for place in found.moved_labels[:MOST]:
        one = facts["labels"][place]
        now = f"{100 * one['now']:.1f} [{100 * one['low']:.1f}, {100 * one['high']:.1f}]"
        table.add_row(Text(one["label"]), f"{100 * one['before']:.1f}", now, f"{100 * one['answered']:.1f}")
    return table


def _words(found: Drift) -> Any:
    say = spoken()
    table = figures_table(say("word"), say("before %"), say("now %"), left=1)
    for one in found.words[:MOST]:
        table.add_row(Text(one.name), f"{100 * one.before:.1f}", f"{100 * one.after:.1f}")
    return table
