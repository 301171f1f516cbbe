"""`metier update`: a bundle that learns new labelled rows and keeps what it knew."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

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
from metier.cli.forgetting import print_forgetting, promotion_line
from metier.cli.preferred import check_flags, preference_options, update_by_preferences
from metier.cli.registry_options import database_option, existing_registry, registry_option
from metier.cli.row_options import reading_options, text_option
from metier.cli.speech import lang_option, spoken, with_language
from metier.continual.promotion import Promotion, Target, promote_update, promotion_facts
from metier.continual.update import Edits, Keeping, UpdateOptions
from metier.continual.update import update as learn
from metier.printable import printable

MOST_LABELS = 10
# What learning from preferences takes: the first five are of nothing else.
PREFERRED: tuple[str, ...] = (
    "by",
    "reward",
    "base",
    "overrides",
    "drop_conflicts",
    "test",
    "output",
    "overwrite",
    "encoding",
    "delimiter",
    "header",
)


@click.command(
    context_settings=HELP,
    epilog="Example: metier update runs/demo asked-in-may.csv --new-labels --replay replay.sqlite",
)
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@click.argument("rows", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@preference_options
@click.option(
    "--old",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Rows that were learned before. Default: those of the run; a bundle that was updated needs none.",
)
@click.option(
    "--test",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Labelled rows that were never learned, to measure what is forgotten. Default: those of the run.",
)
@click.option(
    "--method",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="refit, streaming_lda, kernel_lda, nearest_mean, replay, elastic_weights, without_forgetting, new_columns, naive, "
    "joint; auto: refit of TF-IDF whose old rows are given, else the best on rows that none has learned.",
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Store of old rows that are learned again; made where it is missing. It holds personal data.",
)
@click.option(
    "--keep", type=click.IntRange(min=1), default=20, show_default=True, help="Rows of each label in the store."
)
@click.option(
    "--keep-by",
    type=click.Choice(["reservoir", "herding"]),
    default="reservoir",
    show_default=True,
    help="How these are chosen: by chance, or those whose mean is nearest to that of all.",
)
@click.option("--mask", is_flag=True, help="Mask personal data in the texts of the store.")
@click.option(
    "--subject",
    metavar="COLUMN",
    help="Column that says whom a row is about. Default: subject, if it is there.",
)
@click.option("--new-labels", is_flag=True, help="Labels that the bundle does not have are new ones.")
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="Another name for a label; may be repeated.")
@click.option("--merge", multiple=True, metavar="A,B=C", help="One label in place of some; may be repeated.")
@click.option(
    "--split",
    multiple=True,
    metavar="LABEL",
    help="A label whose place is taken by new ones of the file; may be repeated.",
)
@click.option("--drop-leaks", is_flag=True, help="Leave out rows that also appear in test.")
@click.option(
    "--promote",
    metavar="NAME@ALIAS",
    help="Where the forgetting gate shows that nothing is forgotten, let this alias of the registry point to it.",
)
@registry_option
@database_option
@click.option("--output", type=click.Path(path_type=Path), metavar="FOLDER", help="Folder of the new bundle.")
@click.option("--overwrite", is_flag=True, help="Replace the bundle of --output.")
@text_option
@click.option(
    "--label", metavar="COLUMN", help="Column with the label. Default: as in training, else inferred."
)
@reading_options
@lang_option()
@click.option("--json", "as_json", is_flag=True, help="Print all facts as one line.")
@click.option("--verbose", is_flag=True, help="List every label.")
@click.pass_context
def update(
    context: click.Context,
    /,
    *,
    bundle: Path,
    rows: Path | None,
    preferences: str | None,
    method: str,
    replay: Path | None,
    keep: int,
    keep_by: Any,
    mask: bool,
    subject: str | None,
    new_labels: bool,
    rename: tuple[str, ...],
    merge: tuple[str, ...],
    split: tuple[str, ...],
    drop_leaks: bool,
    promote: str | None,
    folder: Path,
    database: str | None,
    lang: str | None,
    as_json: bool,
    verbose: bool,
    **how: Any,
) -> None:
    """Let a bundle learn new labelled rows, and keep what it knew.

    A new bundle is written, the old one is not touched. Methods learn on frozen features of the bundle, in seconds; all
    that are possible are shown: naive learns the new rows alone (the lower bound), joint all rows anew (the upper bound).
    refit fits the bundle's own method again to old and new rows. A fifth of the new rows is held out. What old test rows
    lost is the forgetting, with its interval.

    Rows without text or label, repeated, contradicting and known ones are left out and counted; unknown labels and rows of
    test are refused. The same command again goes on after an interruption.

    With --preferences a bundle that writes texts learns which answers are preferred; a fifth of the prompts judges it.

    With --promote, exit code 1 where the gate does not let the new bundle take over.
    """
    check_flags(rows, preferences, context.params)
    target = None if promote is None else Target.parse(promote)
    registry = None if target is None else existing_registry(folder, database)
    if preferences is not None:
        kept = {name: how.pop(name) for name in PREFERRED if name in how} | {"drop_leaks": drop_leaks}
        code = update_by_preferences(
            bundle, preferences, registry=registry, target=target, as_json=as_json, given=kept
        )
        context.exit(code)
    assert rows is not None
    how = {name: value for name, value in how.items() if name not in PREFERRED[:5]}
    options = UpdateOptions(
        method=method,
        edits=Edits.parse(rename, merge, split),
        accepts_new=new_labels,
        drop_leaks=drop_leaks,
        replay=replay,
        keeping=Keeping(keep, keep_by, mask),
        subject=subject,
    )
    with ProgressLines() as listener:
        found = learn(bundle, rows, options=options, listener=listener, **how)
        moved = None
        if registry is not None and target is not None:
            moved = promote_update(found, registry, target, edits=options.edits, listener=listener)
    if as_json:
        print_json(found.facts | ({} if moved is None else {"gate": promotion_facts(moved)}))
    else:
        _print(found.facts, answer_console(), verbose=verbose)
        if moved is None:
            _say_next(found.facts["output"], bundle, how["test"])
        else:
            _print_promotion(moved, answer_console())
    context.exit(0 if moved is None or moved.is_promoted else 1)


def _say_next(output: str, bundle: Path, test: Path | None) -> None:
    asked = f"metier gate {output} --against {bundle} --rows {test or 'test.csv'}"
    progress_console().print(Text(spoken()("next:  {command}", command=with_language(asked))), soft_wrap=True)


def _print_promotion(moved: Promotion, console: Console) -> None:
    facts = promotion_facts(moved)
    print_forgetting(facts["forgetting"], console)
    console.print(Text(promotion_line(facts["promotion"])), soft_wrap=True)


def _print(facts: Mapping[str, Any], console: Console, *, verbose: bool) -> None:
    say = spoken()
    for note in facts["notes"]:
        progress_console().print(Text(say.told(note)), soft_wrap=True)
    figures = facts["figures"]
    console.print(
        Text(
            say(
                "{output}: {n} row(s|) learned by {name}; forgetting {forgetting} points on {rows} old test row(s|)",
                output=facts["output"],
                n=count(facts["rows"]["learned"]),
                name=facts["method"],
                forgetting=_points(figures["forgetting"]),
                rows=count(figures["old"]["rows"]),
            )
        ),
        soft_wrap=True,
    )
    print_whole(console, _methods(facts))
    console.print(
        Text(
            say(
                "before: old rows {old} %, new rows {new} % (FWT {fwt}); BWT {bwt}",
                old=_percent(figures["old"]["before"]),
                new=_percent(figures["new"]["before"]),
                fwt=_points(figures["fwt"]),
                bwt=_points(figures["bwt"]),
            )
        ),
        soft_wrap=True,
    )
    if facts["by_label"]["old"]:
        print_whole(console, _labels(facts, verbose=verbose))


def _methods(facts: Mapping[str, Any]) -> Any:
    say = spoken()
    table = figures_table(
        "", say("method"), say("ACC %"), say("old rows %"), say("new rows %"), say("forgetting"), left=2
    )
    for name, one in facts["methods"].items():
        table.add_row(
            "★" if name == facts["method"] else "",
            name,
            _percent(one["acc"]),
            f"{100 * one['old']['after']['value']:.1f}",
            f"{100 * one['new']['after']['value']:.1f}",
            _points(one["forgetting"]),
        )
    return table


def _labels(facts: Mapping[str, Any], *, verbose: bool) -> Any:
    """Give the labels that changed most, the losses first; all of them where that is asked for."""
    say = spoken()
    table = figures_table(say("label"), say("rows"), say("before %"), say("now %"), say("difference"), left=1)
    rows = sorted(facts["by_label"]["old"], key=lambda one: one["difference"]["value"])
    for one in rows if verbose else rows[:MOST_LABELS]:
        table.add_row(
            Text(printable(one["label"])),
            count(one["rows"]),
            f"{100 * one['before']:.1f}",
            f"{100 * one['after']:.1f}",
            _points(one["difference"]),
        )
    return table


def _percent(one: Mapping[str, float]) -> str:
    return f"{100 * one['value']:.1f} [{100 * one['low']:.1f}, {100 * one['high']:.1f}]"


def _points(one: Mapping[str, float]) -> str:
    written = f"{100 * one['value']:+.1f} [{100 * one['low']:+.1f}, {100 * one['high']:+.1f}]"
    return written.replace("-", "−")
