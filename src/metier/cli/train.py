"""`metier train`: compare methods on some rows, and recommend which to ship."""

from pathlib import Path
from typing import Any

import click

from metier import catalogue
from metier.cli import console as shown
from metier.cli.commands import HELP
from metier.cli.row_options import (
    file_options,
    group_option,
    kind_option,
    named_roles,
    order_option,
    parted,
    task_options,
)
from metier.cli.run_summary import print_report
from metier.cli.several import print_several
from metier.cli.speech import lang_option, spoken
from metier.runs.run_folder import RunFolder
from metier.selection import api
from metier.selection.base_kinds import named_bases
from metier.selection.budget import parse_duration
from metier.selection.execution.fitting import take_over_launch
from metier.selection.settings import MOST_SEED, DataSettings, TrainSettings, load_settings
from metier.selection.several_tasks import SeveralRun

# Flags that are called otherwise than their settings.
NAMES = {"seed": "random_state", "budget": "budget_minutes", "lang": "report_language"}


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
@kind_option
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
    "bases",
    metavar="[KIND=]NAME",
    multiple=True,
    help="Pretrained model for the methods that can use it: folder, short name or hub name; with image= for what sees, "
    "with speech= what hears recordings. A,B,C compares several before training, all every installed one. May be repeated. "
    "Default: by language.",
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
    "--out-of-scope",
    is_flag=True,
    default=None,
    help="Let answers say whether any label fits; the rule is chosen on validation rows, without a row that none fits.",
)
@click.option(
    "--out-of-scope-label",
    metavar="LABEL",
    help="Label of rows that no other label fits: they are not learned, and the rule is chosen by them.",
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
@click.option(
    "--parallel",
    type=click.Choice(("data", "shards", "tensor")),
    help="What each of --processes takes a part of: the rows, the weights too (FSDP), or every layer. Default: data.",
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
    "--knowledge",
    metavar="FILE",
    type=click.Path(),
    help="Knowledge graph (OBO, CSV, N-Triples, RDF, or a folder): methods that use it are compared, too.",
)
@click.option(
    "--unlabelled", metavar="FILE", type=click.Path(), help="Unlabelled texts, for the semi-supervised methods."
)
@click.option(
    "--augment",
    metavar="WAYS",
    help="Data augmentation of the training rows: eda, synonym, insert, swap, delete, keyboard, homophone, shape, "
    "identity, masked, back; as eda:0.1*2,keyboard for a tenth of the words, twice.",
)
@click.option(
    "--augment-times",
    type=click.IntRange(min=1),
    help="Augmented rows per training row and augmentation. Default: 1.",
)
@click.option(
    "--balance",
    metavar="COLUMN",
    help="Column of groups: training rows are repeated until no group has a label more often than another.",
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
    if isinstance(finished, SeveralRun):
        print_several(finished.report, language=settings.report_language)
        return
    print_report(finished.report, verbose=verbose, language=settings.report_language)


def _settings(file: Path | None, overrides: tuple[str, ...], flags: dict[str, Any]) -> TrainSettings:
    """Give the settings: those of a file, and over it the flags that were given, each by its setting's name."""
    given = {NAMES.get(name, name): value for name, value in flags.items() if value not in (None, ())}
    roles = named_roles(given.pop("roles", ()))
    given |= named_bases(given.pop("bases", ()))
    data = {name: given.pop(name) for name in DataSettings.model_fields if name in given}
    if "budget_minutes" in given:
        given["budget_minutes"] = parse_duration(given["budget_minutes"]) / 60
    return load_settings(file, overrides, flags={"data": {**roles, **data}, **given})
