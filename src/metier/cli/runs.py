"""`metier runs`: list, show, compare and remove runs."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from metier.assurance.run_comparison import compare_runs
from metier.cli.commands import HELP
from metier.cli.compared_pairs import conclusion
from metier.cli.console import (
    answer_console,
    count,
    duration,
    figures_table,
    milliseconds,
    print_json,
    print_whole,
    size,
)
from metier.cli.run_summary import print_report
from metier.cli.speech import lang_option, spoken, with_language
from metier.errors import BundleError, CallError
from metier.evaluation.measure_table import metric_name
from metier.runs.run_list import RUNS, RunFacts, find_runs, known_run, remove_run, run_facts
from metier.selection.finished_run import written

json_option = click.option("--json", "as_json", is_flag=True, help="Print the facts as one line.")


@click.group(context_settings=HELP, epilog="Example: metier runs list")
def runs() -> None:
    """List, show, compare and remove runs."""


@runs.command("list", context_settings=HELP, epilog="Example: metier runs list runs")
@click.argument("folder", type=click.Path(path_type=Path), default=RUNS, required=False)
@json_option
@lang_option()
def list_runs(folder: Path, as_json: bool, lang: str | None) -> None:
    """List the runs below FOLDER (default: runs), the latest first.

    An interrupted run is listed as unfinished: `metier train --resume` goes on with it. Of a damaged report is said how
    it is written again.
    """
    found = [] if folder == RUNS and not folder.exists() else find_runs(folder)
    if as_json:
        print_json([_facts(run) for run in found])
        return
    console, say = answer_console(), spoken()
    if not found:
        begin = with_language("metier train rows.csv")
        none = say("There is no run in {folder}. Begin one: {command}", folder=folder, command=begin)
        console.print(Text(none), soft_wrap=True)
        return
    heads = (
        say("run"),
        say("task"),
        say("ships"),
        say("on test"),
        say("rows"),
        say("took"),
        say("size"),
        say("changed"),
    )
    table = figures_table(*heads, left=3)
    for run in found:
        table.add_row(*map(Text, _row(run)))
    print_whole(console, table)
    for run in found:
        if run.damage is not None:
            console.print(Text(say.translated(run.damage)), soft_wrap=True)
        elif not run.is_finished:
            done = say("{n} candidate(s|) done", n=len(run.done))
            command = with_language(f"metier train --resume {run.path}")
            line = say("unfinished, {done}; go on: {command}", done=done, command=command)
            console.print(Text(line), soft_wrap=True)


def _row(run: RunFacts) -> list[str]:
    changed = run.changed.astimezone().strftime("%Y-%m-%d %H:%M")
    chosen, report = run.recommended, run.report
    if chosen is None or report is None:
        state = spoken()("unfinished") if run.damage is None else spoken()("damaged report")
        return [str(run.path), run.task or "–", state, "–", "–", "–", size(run.size_bytes), changed]
    metric = report["primary_metric"]
    score = written(chosen["test"][metric], is_fraction=report["metrics"][metric]["is_fraction"])
    return [
        str(run.path),
        report["task"],
        chosen["name"],
        f"{spoken()(metric_name(metric))} {score}",
        count(sum(report["data"]["rows"].values())),
        duration(report["seconds"]),
        size(run.size_bytes),
        changed,
    ]


def _facts(run: RunFacts) -> dict[str, Any]:
    report = run.report or {}
    chosen = run.recommended or {}
    return {
        "run": str(run.path),
        "finished": run.is_finished,
        "damage": run.damage,
        "changed": run.changed.isoformat(timespec="seconds"),
        "size_bytes": run.size_bytes,
        "task": run.task,
        "candidates_done": list(run.done),
        "recommended": report.get("recommended"),
        "primary_metric": report.get("primary_metric"),
        "test": chosen.get("test"),
        "rows": report.get("data", {}).get("rows"),
        "seconds": report.get("seconds"),
    }


@runs.command(context_settings=HELP, epilog="Example: metier runs show runs/demo")
@click.argument("run", type=click.Path(path_type=Path))
@json_option
@lang_option()
@click.option("--verbose", is_flag=True, help="Also print why each other candidate was not chosen.")
@click.pass_context
def show(context: click.Context, /, *, run: Path, as_json: bool, lang: str | None, verbose: bool) -> None:
    """Show what `metier train` printed at the end of a run.

    Exit code 1 when its report is damaged.
    """
    found = run_facts(run)
    if found.report is None:
        if as_json:
            print_json(_facts(found))
            context.exit(0 if found.damage is None else BundleError.exit_code)
        if found.damage is not None:
            raise BundleError(found.damage)
        console, say = answer_console(), spoken()
        done = say.listed(found.done) or say("none yet")
        unfinished = say("{run} is unfinished; candidates done: {done}", run=found.path, done=done)
        console.print(Text(unfinished), soft_wrap=True)
        command = with_language(f"metier train --resume {known_run(run)}")
        console.print(Text(say("go on: {command}", command=command)), soft_wrap=True)
        return
    if as_json:
        print_json(found.report)
        return
    language = lang or found.report["settings"].get("report_language", "en")
    print_report(found.report | {"run": str(known_run(run))}, verbose=verbose, language=language)


@runs.command(context_settings=HELP, epilog="Example: metier runs compare runs/first runs/second")
@click.argument("run", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
@lang_option()
def compare(run: tuple[Path, ...], as_json: bool, lang: str | None) -> None:
    """Compare what two or more runs recommend, on the same test rows.

    Where the test rows are the same, says whether the best is better than each other one, equivalent, or whether the rows
    cannot tell; where they are not, why. `metier compare` compares the same in more depth, and other models and files of
    answers too.
    """
    facts = compare_runs(run)
    if as_json:
        print_json(facts)
        return
    console, say = answer_console(), spoken()
    heads = say("run"), say("ships"), say("on test"), say("one row"), say("size"), say("training")
    table = figures_table(*heads, left=2)
    for one in facts["runs"]:
        table.add_row(*map(Text, _compared(one)))
    print_whole(console, table)
    if facts["why_not"]:
        console.print(Text(say("no paired test: {why}", why=say.translated(facts["why_not"]))), soft_wrap=True)
    pairs = facts["comparisons"]
    for one in pairs:
        line = conclusion(one, facts["runs"][0]["metrics"], one["metric"], is_adjusted=len(pairs) > 1)
        console.print(Text(line), soft_wrap=True)


def _compared(one: Mapping[str, Any]) -> list[str]:
    metric = one["primary_metric"]
    score = written(one["test"][metric], is_fraction=one["metrics"][metric]["is_fraction"])
    cost = [milliseconds(one["latency_ms"]["mean"]), size(one["size_bytes"]), duration(one["train_seconds"])]
    return [one["run"], one["name"], f"{spoken()(metric_name(metric))} {score}", *cost]


@runs.command(context_settings=HELP, epilog="Example: metier runs remove runs/old --yes")
@click.argument("run", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can answer.")
@json_option
@lang_option()
def remove(run: tuple[Path, ...], yes: bool, as_json: bool, lang: str | None) -> None:
    """Remove runs with everything in them. What is no run is refused, and then nothing is removed."""
    found = [run_facts(one) for one in dict.fromkeys(run)]  # All of them are runs before one is removed.
    if not yes:
        _ask(found)
    freed = sum(remove_run(one.path) for one in found)
    if as_json:
        print_json({"removed": [str(one.path) for one in found], "bytes": freed})
        return
    say = spoken()
    names = say.listed(one.path for one in found)
    removed = say("removed {names}: {size} freed", names=names, size=size(freed))
    answer_console().print(Text(removed), soft_wrap=True)


def _ask(found: list[RunFacts]) -> None:
    names = ", ".join(str(one.path) for one in found)
    if not sys.stdin.isatty():
        raise CallError(f"Removing {names} cannot be undone. Add --yes to do it.")
    freed = size(sum(one.size_bytes for one in found))
    question = spoken()("Remove {names} ({size})? This cannot be undone.", names=names, size=freed)
    click.confirm(question, abort=True, err=True)
