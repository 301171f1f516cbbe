"""`metier train`: compare methods on some rows, and recommend which to ship."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from metier import catalogue
from metier.cli import console as shown
from metier.cli.commands import HELP
from metier.cli.row_options import (
    file_options,
    group_option,
    named_roles,
    order_option,
    parted,
    task_options,
)
from metier.cli.speech import lang_option, spoken, with_language
from metier.evaluation.measure_table import metric_name
from metier.report.comparisons import compared
from metier.report.headline import decided, standing, why_not
from metier.report.section import Page
from metier.runs.run_folder import RunFolder, percent
from metier.selection import api
from metier.selection.budget import parse_duration
from metier.selection.execution.fitting import take_over_launch
from metier.selection.settings import MOST_SEED, DataSettings, TrainSettings, load_settings

# Flags that are called otherwise than their settings.
NAMES = {"seed": "random_state", "budget": "budget_minutes", "lang": "report_language"}
SHORTEST_PHASE = 2.0  # Seconds; what is shorter is not listed.


def _methods(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Complete the last of some methods, by their names without a version."""
    before, separator, last = typed.rpartition(",")
    names = dict.fromkeys(name.rpartition(".v")[0] for name in catalogue.names())
    return [f"{before}{separator}{name}" for name in names if name.startswith(last)]


@click.command(
    context_settings=HELP,
    epilog="Example: metier train examples/banking77/train.csv --test examples/banking77/test.csv --budget 10m",
)
@click.argument("file", required=False, type=click.Path())
@click.option(
    "--test",
    metavar="FILE",
    type=click.Path(),
    help="Test rows, predicted once, after every choice. Default: a fifth of FILE is held out.",
)
@click.option(
    "--validation",
    metavar="FILE",
    type=click.Path(),
    help="Validation rows, for every choice. Default: a tenth of FILE is held out.",
)
@task_options
@order_option
@group_option
@click.option("--time", metavar="COLUMN", help="Column of times; the latest rows become validation and test.")
@file_options
@click.option(
    "--repair", is_flag=True, default=None, help="Fix what is safe to fix in the rows, and report it."
)
@click.option("--budget", metavar="TIME", help="Time budget for everything: 10m, 90s, 1h30m. Default: 10m.")
@click.option(
    "--candidates",
    metavar="A,B,C",
    callback=parted,
    shell_complete=_methods,
    help="Methods to compare. Default: those of the task.",
)
@click.option(
    "--base",
    metavar="NAME",
    help="Pretrained model for the methods that can use it: folder, short name or hub name. Default: by language.",
)
@click.option(
    "--search",
    is_flag=True,
    default=None,
    help="Hyperparameter search for the fine-tuned method, within the budget.",
)
@click.option(
    "--distil",
    is_flag=True,
    default=None,
    help="Distil the most expensive ensemble into one model, as a further candidate.",
)
@click.option(
    "--adaptation",
    metavar="NAME",
    help="Which weights of a base train: full, head, top:2, lora:8, adalora:8, prefix:16, prompt:16, adapter:48, bitfit, "
    "ia3. Default: that of each method.",
)
@click.option(
    "--settings",
    "settings_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="YAML file with settings.",
)
@click.option("--set", "overrides", metavar="A.B=C", multiple=True, help="Set one setting; may be repeated.")
@click.option(
    "--seed",
    type=click.IntRange(0, MOST_SEED),
    help="Random seed; the same seed on the same machine gives the same answers. Default: 0.",
)
@click.option(
    "--seeds", type=click.IntRange(1, 100), metavar="N", help="Train each candidate N times; report the spread."
)
@click.option(
    "--learning-curve",
    is_flag=True,
    default=None,
    help="Train on growing parts of the rows; estimate the gain from twice the labels.",
)
@click.option(
    "--track",
    metavar="NAME",
    multiple=True,
    callback=parted,
    help="Tracker: tensorboard, wandb or mlflow; may be repeated. Default: none.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Fine-tune each model in N processes. Default: 1.",
)
@click.option("--on", metavar="ray[:HOST:PORT]", help="Train the candidates as tasks of a Ray cluster.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads. Default: the cores this process may use.")
@click.option(
    "--refit/--no-refit",
    default=None,
    help="Train the recommended candidate again on train + validation. Default: yes.",
)
@click.option(
    "--drop-leaks", is_flag=True, default=None, help="Leave out training rows that also appear in test."
)
@click.option("--drop-unlabelled", is_flag=True, default=None, help="Leave out rows without a label.")
@click.option(
    "--keep-rare",
    is_flag=True,
    default=None,
    help="Keep all rows of labels that are too rare to split in training.",
)
@click.option("--drop-rare", is_flag=True, default=None, help="Leave out labels that are too rare to split.")
@click.option(
    "--unlabelled", metavar="FILE", type=click.Path(), help="Unlabelled texts, for the semi-supervised methods."
)
@click.option(
    "--augment",
    metavar="WAYS",
    help="Data augmentation of the training rows: eda, synonym, insert, swap, delete, keyboard, homophone, shape, masked, "
    "back; as eda:0.1*2,keyboard for a tenth of the words, twice.",
)
@click.option(
    "--augment-times",
    type=click.IntRange(min=1),
    help="Augmented rows per training row and augmentation. Default: 1.",
)
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder of the run. Default: runs/<time>-<name>.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing run in that folder.")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Resume an interrupted run with its own settings; only --test may name another file.",
)
@lang_option("Language of the report and of what is printed.")
@click.option("--json", "as_json", is_flag=True, help="Print report.json as one line at the end.")
@click.option("--verbose", is_flag=True, help="Also print why each other candidate was not chosen.")
def train(
    *,
    file: str | None,
    settings_file: Path | None,
    overrides: tuple[str, ...],
    run: Path | None,
    overwrite: bool,
    resume: Path | None,
    as_json: bool,
    verbose: bool,
    **flags: Any,
) -> None:
    """Train and compare methods on labelled rows, and recommend which to ship.

    Trains a baseline, the traditional pipeline, static and frozen embeddings, a fine-tuned transformer and their
    ensembles within the budget; compares them with intervals and paired tests; exports each as a sealed bundle
    and writes a report.
    """
    if file is None and resume is None and settings_file is None:
        raise click.UsageError("There are no rows to train on. Give a file, as in: metier train rows.csv")
    launched = take_over_launch()
    if launched == 0:
        return  # The first process conducts, and launches others where it needs them.
    if launched > 1 and flags["processes"] is None:
        flags["processes"] = launched
    settings = _settings(settings_file, overrides, {"train": file, **flags})
    if resume is not None and RunFolder.open(resume).is_finished:
        said = spoken()("{run} is finished: nothing is trained, and nothing of it changes", run=resume)
        shown.progress_console().print(said, markup=False, soft_wrap=True)
    with shown.ProgressLines() as listener:
        finished = api.train(
            settings=settings,
            run=run,
            overwrite=overwrite,
            resume=resume,
            listener=listener,
        )
    if as_json:
        shown.print_json(finished.report)
        return
    print_report(finished.report, verbose=verbose, language=settings.report_language)


def _settings(file: Path | None, overrides: tuple[str, ...], flags: dict[str, Any]) -> TrainSettings:
    """Give the settings: those of a file, and over it the flags that were given, each by its setting's name."""
    given = {NAMES.get(name, name): value for name, value in flags.items() if value not in (None, ())}
    roles = named_roles(given.pop("roles", ()))
    data = {name: given.pop(name) for name in DataSettings.model_fields if name in given}
    if "budget_minutes" in given:
        given["budget_minutes"] = parse_duration(given["budget_minutes"]) / 60
    return load_settings(file, overrides, flags={"data": {**roles, **data}, **given})


def print_report(report: dict[str, Any], *, verbose: bool, language: str = "en") -> None:
    """Print what a finished run recommends, and its candidates: what the head of its page says."""
    console, page = shown.answer_console(), Page(report, spoken(language))
    console.print(_ship_line(page), soft_wrap=True)
    for sentence in (decided(page), *standing(page), *why_not(page)):
        console.print(f"       {sentence}", markup=False, soft_wrap=True)
    shown.print_whole(console, _table(page))
    for one in report["candidates"]:
        if one["facts"].get("adaptation", "full") != "full":
            console.print(f"  {_adapted(one, page)}", markup=False, soft_wrap=True)
        if one["status"] != "trained":
            given = {"name": one["name"], "status": page.say(one["status"]), "why": page.say.told(one["why"])}
            console.print(page.say("  {name} {status}: {why}", **given), markup=False, soft_wrap=True)
    for line in (*_seed_lines(page), *_curve_lines(page), *_time_lines(page)):
        console.print(line, markup=False, soft_wrap=True)
    for finding in report["audit"]:
        if finding["severity"] == "error":
            console.print(f"✗ {page.say.told(finding['sentence'])}", markup=False, soft_wrap=True)
    for sentence in compared(page) if verbose else []:
        console.print(f"  {sentence}", markup=False, soft_wrap=True)
    say, run = page.say, report["run"]
    for line in (
        say("report {run}/report.html", run=run),
        say("next:  {command}", command=with_language(f"metier serve {shlex.quote(run)}")),
    ):
        console.print(line, markup=False, soft_wrap=True)


def _ship_line(page: Page) -> Text:
    """What ships, its score with the rows that it stands on, and what an answer costs."""
    report, say = page.report, page.say
    score = page.chosen["test"][report["primary_metric"]]
    rows = say("{rows} test row(s|)", rows=shown.count(report["data"]["rows"]["test"]))
    parts = [
        say("{score} on {rows}", score=_score(score, page), rows=rows),
        say("{time} a row", time=shown.milliseconds(page.latency(page.chosen))),
        shown.size(page.chosen["size_bytes"]),
    ]
    return Text.assemble(
        (f"{say('ship')}   {report['recommended']}", "bold"), say(": ") + say(", ").join(parts)
    )


def _seed_lines(page: Page) -> list[str]:
    """The spread of each candidate over its seeds, and what did not fit."""
    study, say = page.report.get("seeds"), page.say
    if study is None:
        return []
    lines = []
    for one in study["candidates"]:
        scores = say("; ").join(_spread(split, one[split], page) for split in ("test", "validation"))
        lines.append(
            say("seeds  {name}, {n} seeds: {scores}", name=one["name"], n=len(one["seeds"]), scores=scores)
        )
    return lines + [say("seeds  {note}", note=say.told(note)) for note in study["notes"]]


def _spread(split: str, spreads: Mapping[str, Any], page: Page) -> str:
    """The mean of the main metric over the seeds on one split, its standard deviation and its ends."""
    metric, say = page.report["primary_metric"], page.say
    is_fraction = page.report["metrics"][metric]["is_fraction"]
    factor, digits, unit = (100, 2, " %") if is_fraction else (1, 4, "")
    mean, sd, low, high = (
        f"{spreads[metric][end] * factor:.{digits}f}" for end in ("mean", "sd", "min", "max")
    )
    name = say("{split} {metric}", split=say(split), metric=say(metric_name(metric)))
    return f"{name} {mean} ± {sd}{unit}{say(' ({low} to {high})', low=low, high=high)}"


def _curve_lines(page: Page) -> list[str]:
    """What twice the labels would bring each candidate, or why that cannot be estimated."""
    study = page.report.get("learning_curve")
    if study is None:
        return []
    lines = (*(one["sentence"] for one in study["candidates"]), *study["notes"])
    return [page.say("curve  {line}", line=page.say.told(line)) for line in lines]


def _time_lines(page: Page) -> list[str]:
    """Where the time went: every phase of two seconds or more, the longest first."""
    report, say = page.report, page.say
    phases = sorted(report.get("phases", {}).items(), key=lambda pair: -pair[1])
    long = [
        f"{say.told(name)} {shown.duration(seconds)}" for name, seconds in phases if seconds >= SHORTEST_PHASE
    ]
    spent, budget = shown.duration(report["seconds"]), shown.duration(report["budget_seconds"])
    used = say("time   {spent} of {budget}", spent=spent, budget=budget)
    return [used + (say(": ") + say(", ").join(long) if long else "")]


def _adapted(candidate: dict[str, Any], page: Page) -> str:
    """Give what of a candidate's base was trained."""
    facts, say = candidate["facts"], page.say
    trained = shown.count(facts["weights_trained"])
    if "weights_all" in facts:
        trained = say("{part} of {whole}", part=trained, whole=shown.count(facts["weights_all"]))
    kind = {"name": candidate["name"], "adaptation": facts["adaptation"]}
    return say("{name}: adaptation {adaptation}, {trained} weights trained", **kind, trained=trained)


def _table(page: Page) -> Table:
    report, say = page.report, page.say
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column(say("candidate"), no_wrap=True)
    first, second = _shown_metrics(report)
    has_parts = any(one.get("fraction", 1) < 1 for one in report["candidates"])
    costs = [say("training"), say("one row"), say("rows/s"), say("size")]
    for heading in [
        *([say("of rows")] if has_parts else []),
        *(_heading(one, page) for one in (first, second)),
        *costs,
    ]:
        table.add_column(heading, justify="right", no_wrap=True)
    for one in report["candidates"]:
        if one["status"] != "trained":
            continue
        chosen = one["name"] == report["recommended"]
        table.add_row(
            Text(one["name"], style="bold" if chosen else ""),
            *([percent(one.get("fraction", 1))] if has_parts else []),
            Text(_interval(one["test"][first], report, first)),
            _figure(one["test"][second]["value"], report, second),
            shown.duration(one["train_seconds"]),
            shown.milliseconds(one["latency_ms"]["mean"]),
            shown.count(one["rows_per_second"]),
            shown.size(one["size_bytes"]),
        )
    return table


def _shown_metrics(report: Mapping[str, Any]) -> tuple[str, str]:
    """The metric that decides, and the first of the others."""
    first = report["primary_metric"]
    others = [name for name in report["metrics"] if name != first]
    # For labels accuracy stands first, whichever of the two decides: readers look for it.
    if first == "macro_f1" and "accuracy" in others:
        return "accuracy", first
    return first, others[0] if others else first


def _heading(metric: str, page: Page) -> str:
    return page.named(metric) + (" %" if page.report["metrics"][metric]["is_fraction"] else "")


def _score(score: dict[str, float], page: Page) -> str:
    if page.primary.is_fraction:
        return f"{page.metric} {shown.percentage(score['value'], score['low'], score['high'])}"
    return f"{page.metric} {_interval(score, page.report, page.report['primary_metric'])}"


def _interval(score: dict[str, float], report: Mapping[str, Any], metric: str) -> str:
    value, low, high = (_figure(score[key], report, metric) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _figure(value: float, report: Mapping[str, Any], metric: str) -> str:
    return f"{value * 100:.1f}" if report["metrics"][metric]["is_fraction"] else f"{value:.3g}"
