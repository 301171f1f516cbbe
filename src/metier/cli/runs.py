"""`metier runs`: list, show, compare and remove runs."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from metier.cli.commands import HELP
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
from metier.cli.speech import lang_option
from metier.cli.train import print_report
from metier.errors import CallError
from metier.evaluation.comparison import A_IS_BETTER
from metier.evaluation.measure_table import metric_name
from metier.runs.run_list import RUNS, RunFacts, find_runs, known_run, remove_run, run_facts
from metier.selection.finished_run import written
from metier.selection.run_comparison import compare_runs

json_option = click.option("--json", "as_json", is_flag=True, help="Print the facts as one line.")


@click.group(context_settings=HELP, epilog="Example: metier runs list")
def runs() -> None:
    """List, show, compare and remove runs."""


@runs.command("list", context_settings=HELP, epilog="Example: metier runs list runs")
@click.argument("folder", type=click.Path(path_type=Path), default=RUNS, required=False)
@json_option
def list_runs(folder: Path, as_json: bool) -> None:
    """List the runs below FOLDER (default: runs), the latest first.

    An interrupted run is listed as unfinished: `metier train --resume` goes on with it. Of a damaged report is said how
    it is written again.
    """
    found = [] if folder == RUNS and not folder.exists() else find_runs(folder)
    if as_json:
        print_json([_facts(run) for run in found])
        return
    console = answer_console()
    if not found:
        console.print(Text(f"There is no run in {folder}. Begin one: metier train rows.csv"), soft_wrap=True)
        return
    table = figures_table("run", "task", "ships", "on test", "rows", "took", "size", "changed", left=3)
    for run in found:
        table.add_row(*map(Text, _row(run)))
    print_whole(console, table)
    for run in found:
        if run.damage is not None:
            console.print(Text(run.damage), soft_wrap=True)
        elif not run.is_finished:
            done = f"{len(run.done)} candidate{'' if len(run.done) == 1 else 's'} done"
            console.print(Text(f"unfinished, {done}; go on: metier train --resume {run.path}"), soft_wrap=True)


def _row(run: RunFacts) -> list[str]:
    changed = run.changed.astimezone().strftime("%Y-%m-%d %H:%M")
    chosen, report = run.recommended, run.report
    if chosen is None or report is None:
        state = "unfinished" if run.damage is None else "damaged report"
        return [str(run.path), run.task or "–", state, "–", "–", "–", size(run.size_bytes), changed]
    metric = report["primary_metric"]
    score = written(chosen["test"][metric], is_fraction=report["metrics"][metric]["is_fraction"])
    return [
        str(run.path),
        report["task"],
        chosen["name"],
        f"{metric_name(metric)} {score}",
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
def show(run: Path, as_json: bool, lang: str | None, verbose: bool) -> None:
    """Show what `metier train` printed at the end of a run."""
    found = run_facts(run)
    if found.report is None:
        if as_json:
            print_json(_facts(found))
            return
        console = answer_console()
        if found.damage is not None:
            console.print(Text(found.damage), soft_wrap=True)
            return
        done = ", ".join(found.done) or "none yet"
        console.print(Text(f"{found.path} is unfinished; candidates done: {done}"), soft_wrap=True)
        console.print(Text(f"go on: metier train --resume {known_run(run)}"), soft_wrap=True)
        return
    if as_json:
        print_json(found.report)
        return
    language = lang or found.report["settings"].get("report_language", "en")
    print_report(found.report | {"run": str(known_run(run))}, verbose=verbose, language=language)


@runs.command(context_settings=HELP, epilog="Example: metier runs compare runs/first runs/second")
@click.argument("run", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def compare(run: tuple[Path, ...], as_json: bool) -> None:
    """Compare what two or more runs recommend, on the same test rows.

    Where the test rows are the same a paired test says whether the best is really better than each other one; where
    they are not, why there is no test.
    """
    facts = compare_runs(run)
    if as_json:
        print_json(facts)
        return
    console = answer_console()
    table = figures_table("run", "ships", "on test", "one row", "size", "train", left=2)
    for one in facts["runs"]:
        table.add_row(*map(Text, _compared(one)))
    print_whole(console, table)
    if facts["why_not"]:
        console.print(Text(f"no paired test: {facts['why_not']}"), soft_wrap=True)
    for one in facts["comparisons"]:
        console.print(Text(_sentence(one, facts["runs"][0]["metrics"])), soft_wrap=True)


def _compared(one: Mapping[str, Any]) -> list[str]:
    metric = one["primary_metric"]
    score = written(one["test"][metric], is_fraction=one["metrics"][metric]["is_fraction"])
    cost = [milliseconds(one["latency_ms"]["mean"]), size(one["size_bytes"]), duration(one["train_seconds"])]
    return [one["run"], one["name"], f"{metric_name(metric)} {score}", *cost]


def _sentence(one: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    is_fraction = metrics[one["metric"]]["is_fraction"]
    factor, unit, digits = (100, " points", 1) if is_fraction else (1, "", 3)
    value, low, high = (f"{factor * one[end]:+.{digits}f}" for end in ("difference", "low", "high"))
    word = "is better than" if one["verdict"] == A_IS_BETTER else "is not shown to differ from"
    return f"{one['a']} {word} {one['b']}: {value}{unit} [{low}, {high}], p = {one['p_value']:.2g}"


@runs.command(context_settings=HELP, epilog="Example: metier runs remove runs/old --yes")
@click.argument("run", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can answer.")
@json_option
def remove(run: tuple[Path, ...], yes: bool, as_json: bool) -> None:
    """Remove runs with everything in them. What is no run is refused, and then nothing is removed."""
    found = [run_facts(one) for one in dict.fromkeys(run)]  # All of them are runs before one is removed.
    if not yes:
        _ask(found)
    freed = sum(remove_run(one.path) for one in found)
    if as_json:
        print_json({"removed": [str(one.path) for one in found], "bytes": freed})
        return
    names = ", ".join(str(one.path) for one in found)
    answer_console().print(Text(f"removed {names}: {size(freed)} freed"), soft_wrap=True)


def _ask(found: list[RunFacts]) -> None:
    names = ", ".join(str(one.path) for one in found)
    if not sys.stdin.isatty():
        raise CallError(f"Removing {names} cannot be undone. Add --yes to do it.")
    freed = size(sum(one.size_bytes for one in found))
    click.confirm(f"Remove {names} ({freed})? This cannot be undone.", abort=True, err=True)
