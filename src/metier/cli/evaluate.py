"""`metier evaluate`: how well a trained model answers other labelled rows."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from metier.bundles import load_model
from metier.cli.commands import HELP
from metier.cli.console import (
    ProgressLines,
    answer_console,
    count,
    figures_table,
    print_json,
    print_line,
    print_whole,
    progress_console,
)
from metier.cli.pipes import PIPE, check_format_is_of_pipe, how_stdin_is_read, stdin_as_file
from metier.cli.row_options import named_roles, reading_options, role_option, separator_option, text_option
from metier.cli.shares import NumberRange
from metier.cli.speech import lang_option, spoken
from metier.data.output_files import check_output, text_output
from metier.errors import CallError
from metier.evaluation.measure_table import metric_name
from metier.machine import usable_cores
from metier.printable import printable_json
from metier.selection.evaluating import Evaluation, SeveralEvaluations
from metier.selection.evaluating import evaluate as measured
from metier.selection.finished_run import written

WEAKEST = 10  # Labels that are listed where there are more.


@click.command(context_settings=HELP, epilog="Example: metier evaluate runs/demo examples/banking77/test.csv")
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="JSON file for all figures and mistakes; - for stdout.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file of --output where there is one.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "tsv", "jsonl"]),
    help="Format of the rows on stdin. Default: by the first line.",
)
@text_option
@click.option(
    "--label", metavar="COLUMN", help="Column with the label. Default: as in training, else inferred."
)
@role_option
@reading_options
@separator_option
@click.option("--by", metavar="COLUMN", help="Measure the rows of each value of a column apart, too.")
@click.option(
    "--target-accuracy",
    type=NumberRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Accuracy wanted of what is answered, as 0.98: which rows can be, at which confidence.",
)
@click.option("--drop-unlabelled", is_flag=True, help="Leave out rows without a label.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads. Default: all cores.")
@lang_option()
@click.option("--json", "as_json", is_flag=True, help="Print all figures as one line.")
@click.option("--verbose", is_flag=True, help="List every label, not only the weakest.")
def evaluate(
    *,
    bundle: Path,
    file: Path,
    output: Path | None,
    overwrite: bool,
    form: str | None,
    roles: tuple[str, ...],
    drop_unlabelled: bool,
    threads: int | None,
    lang: str | None,
    as_json: bool,
    verbose: bool,
    **how: Any,
) -> None:
    """Measure a trained model on labelled rows, and compare with its test rows.

    All metrics of the model's task with 95 % intervals, figures by label or type, and how far they are from those of the
    test rows of its run; of a model of several tasks each. Columns are found by the names that the training rows had.
    Rows with labels that the model does not know are counted, and count as wrong. FILE may be - for stdin.
    """
    if output == PIPE and as_json:
        raise click.UsageError("--output - and --json would both write to stdout; leave out one of them.")
    check_format_is_of_pipe(form, file)
    if output in (None, PIPE) and overwrite:
        raise click.UsageError("--overwrite is for the file of --output, and none is named. Leave it out.")
    if output not in (None, PIPE):
        _check_output(output, file, overwrite=overwrite)
    model = load_model(bundle, threads=threads or usable_cores())
    how |= named_roles(roles) | how_stdin_is_read(file, form, how["delimiter"])
    with _writer(output, overwrite=overwrite) as write:
        with stdin_as_file(file, form) as source, ProgressLines() as listener:
            found = measured(model, source, drop_without_label=drop_unlabelled, listener=listener, **how)
        write(printable_json(found.facts, indent=1) + "\n")
    if as_json:
        print_json(found.facts)
        return
    # What goes to stdout must be the figures alone.
    _print(found, progress_console() if output == PIPE else answer_console(), verbose=verbose)
    if output not in (None, PIPE):
        progress_console().print(Text(spoken()("all figures are in {file}", file=output)), soft_wrap=True)


def _writer(output: Path | None, *, overwrite: bool) -> AbstractContextManager[Callable[[str], None]]:
    """Give what writes the figures; a file is held while they are measured."""
    if output is None:
        return nullcontext(lambda text: None)
    if output == PIPE:
        return nullcontext(lambda text: print_line(text, end=""))
    return text_output(output, overwrite=overwrite)


def _check_output(output: Path, file: Path, *, overwrite: bool) -> None:
    """Check before the rows are answered what can be known of where the figures go."""
    check_output(output, overwrite=overwrite)
    if output.exists() and file.exists() and output.samefile(file):
        raise CallError(f"--output would replace {file}, whose rows are measured. Name another file.")


def _print(found: Evaluation | SeveralEvaluations, console: Console, *, verbose: bool) -> None:
    if isinstance(found, Evaluation):
        _print_one(found, console, verbose=verbose)
        return
    for name, own in found.tasks.items():
        console.print(Text(spoken()("task   {name}", name=name)), soft_wrap=True)
        _print_one(own, console, verbose=verbose)
        console.print()


def _print_one(found: Evaluation, console: Console, *, verbose: bool) -> None:
    facts, say = found.facts, spoken()
    for note in facts["notes"]:
        progress_console().print(Text(say.told(note)), soft_wrap=True)
    score = _written(facts["metrics"][facts["primary_metric"]], facts, facts["primary_metric"])
    console.print(
        Text.assemble((facts["name"], "bold"), say(": "), f"{_named(facts['primary_metric'])} {score}"),
        soft_wrap=True,
    )
    console.print(
        Text("       " + say("on {rows} row(s|) of {file}", rows=count(facts["rows"]), file=facts["origin"])),
        soft_wrap=True,
    )
    if sentence := _beside_test(facts):
        console.print(Text(f"       {sentence}"), soft_wrap=True)
    print_whole(console, _metrics_table(facts))
    _print_claims(console, facts["detail"].get("claims"))
    for line in [*_weak_slices(facts), *_confidence(facts)]:
        console.print(Text(line), soft_wrap=True)
    tables = [_labels_table(facts, verbose=verbose), _parts_table(facts)]
    for table in [table for table in tables if table is not None]:
        console.print()
        print_whole(console, table)


def _beside_test(facts: Mapping[str, Any]) -> str | None:
    """Say whether the metric that ranks is another than on the test rows of the run."""
    metric = facts["primary_metric"]
    found = facts["differences"].get(metric)
    if found is None:
        return None
    gap, say = _difference(found, facts, metric), spoken()
    if found["low"] <= 0 <= found["high"]:
        return say("not shown to differ from the test rows of its run ({gap})", gap=gap)
    is_better = (found["value"] > 0) == (facts["kinds"][metric]["higher_is_better"] is not False)
    if is_better:
        return say("better than on the test rows of its run ({gap})", gap=gap)
    return say("worse than on the test rows of its run ({gap})", gap=gap)


def _weak_slices(facts: Mapping[str, Any]) -> list[str]:
    """Say which rows of a language, a length or a value of a column are answered worse than the whole."""
    slices, say = facts["slices"] or {"slices": []}, spoken()
    lines = []
    for one in slices["slices"]:
        if one["is_worse"] and one["by"] != "label":  # The labels have a table.
            metric = slices["metric"]
            score = _written(one["figure"], facts, metric)
            given = {"part": _slice(one), "score": f"{_named(metric)} {score}", "rows": count(one["rows"])}
            lines.append(say("weak   {part}: {score} on {rows} row(s|)", **given))
    return lines


def _confidence(facts: Mapping[str, Any]) -> list[str]:
    """Say how far probabilities can be trusted, and what can be answered at the accuracy that is wanted."""
    say, lines = spoken(), []
    if (found := facts["confidence"]) is not None:
        error = found["scores"]["calibration_error"]
        given = {"chance": f"{found['calibration_error_by_chance']:.3f}", "aurc": f"{found['aurc']:.3f}"}
        given["ece"] = f"{error['value']:.3f} [{error['low']:.3f}, {error['high']:.3f}]"
        lines.append(
            say("sure   calibration error {ece} (by chance {chance}), risk over coverage {aurc}", **given)
        )
    if (wanted := facts["abstention"]) is not None:
        target = f"{100 * wanted['target']:g} %"
        if "threshold" not in wanted:
            lines.append(say("sure   no confidence is shown to give {target}", target=target))
            return lines
        given = {
            "target": target,
            "share": f"{100 * wanted['share']:.1f} %",
            "level": f"{100 * wanted['level']:g} %",
        }
        given |= {"threshold": f"{wanted['threshold']:.4g}", "accuracy": f"{100 * wanted['accuracy']:.1f} %"}
        lines.append(
            say(
                "sure   {share} of the rows have a confidence of {threshold} or more, {accuracy} of them are right: "
                "{target} or more, with {level} confidence",
                **given,
            )
        )
        own = sum(one is not None for one in wanted["labels"].values())
        if wanted["labels"]:
            lines.append(
                say(
                    "       {own} of {often} label(s|) that are answered often enough have a threshold of their own "
                    "(--output FILE, then metier predict --min-confidence FILE)",
                    own=count(own),
                    often=count(len(wanted["labels"])),
                )
            )
    return lines


def _slice(one: Mapping[str, Any]) -> str:
    if one["by"] == "length":
        low, high = map(count, one["value"])
        return spoken()("texts of {low} to {high} characters", low=low, high=high)
    return f"{one['column'] or spoken().told(one['by'])} = {one['value']}"


def _print_claims(console: Console, claims: Mapping[str, Any] | None) -> None:
    """Print the first answers that say what their source does not."""
    for one in (claims or {}).get("examples", [])[:WEAKEST]:
        said = ", ".join(claim["text"] for claim in one["said"])
        line = spoken()("row {row} says what its source does not: {said}", row=one["row"], said=said)
        console.print(Text(line), soft_wrap=True)


def _metrics_table(facts: Mapping[str, Any]) -> Table:
    has_reference = bool(facts["differences"])
    say = spoken()
    heads = [say("these rows"), *([say("test rows of the run"), say("difference")] if has_reference else [])]
    table = figures_table(say("metric"), *heads)
    for name, score in facts["metrics"].items():
        given = facts["reference"].get(name)
        cells = [_written(score, facts, name)]
        if has_reference:
            cells.append("–" if given is None else _written(given, facts, name))
            found = facts["differences"].get(name)
            cells.append("–" if found is None else _difference(found, facts, name))
        table.add_row(Text(_named(name)), *map(Text, cells))
    return table


def _labels_table(facts: Mapping[str, Any], *, verbose: bool) -> Table | None:
    """The labels or types with their figures, those with the lowest F1 first."""
    detail = facts["detail"]
    found = [one for one in detail.get("per_label") or detail.get("by_type") or [] if one.get("f1") is not None]
    if not found:
        return None
    name = next(key for key, value in found[0].items() if isinstance(value, str))
    say = spoken()
    numbers = [key for key, value in found[0].items() if not isinstance(value, str)]
    order = sorted(found, key=lambda one: one["f1"])
    # What these rows do not hold has no figure worth a line.
    occurring = [one for one in order if one.get("rows", 1)]
    shown = occurring if verbose else occurring[:WEAKEST]
    some = len(shown) < len(occurring)
    given = {"n": len(shown), "all": len(occurring), "name": say.told(name)}
    title = say("{name}: the {n} weakest of {all} (--verbose lists all)", **given) if some else say.told(name)
    table = figures_table(title, *(_heading(key, found[0][key]) for key in numbers))
    for one in shown:
        cells = [f"{100 * one[key]:.1f}" if isinstance(one[key], float) else count(one[key]) for key in numbers]
        table.add_row(Text(one[name]), *cells)
    return table


def _parts_table(facts: Mapping[str, Any]) -> Table | None:
    if not facts["parts"]:
        return None
    metric = facts["primary_metric"]
    table = figures_table(spoken()("part"), spoken()("rows"), _named(metric))
    for part in facts["parts"]:
        table.add_row(
            Text(part["value"] or spoken()("(none)")),
            count(part["rows"]),
            Text(_written(part[metric], facts, metric)),
        )
    return table


def _heading(key: str, value: Any) -> str:
    name = "F1" if key == "f1" else spoken().told(key.replace("_", " "))
    return f"{name} %" if isinstance(value, float) else name


def _named(metric: str) -> str:
    return spoken()(metric_name(metric))


def _written(score: Any, facts: Mapping[str, Any], metric: str) -> str:
    """Write a figure with its interval; what has none is a number."""
    if isinstance(score, Mapping):
        kind = facts["kinds"].get(metric) or {"is_fraction": False}
        return written(score, is_fraction=kind["is_fraction"])
    return "–" if score is None else f"{score:.3g}"


def _difference(found: Mapping[str, float], facts: Mapping[str, Any], metric: str) -> str:
    is_fraction = facts["kinds"][metric]["is_fraction"]
    factor, digits, unit = (100, 1, spoken()(" points")) if is_fraction else (1, 3, "")
    value, low, high = (f"{factor * found[end]:+.{digits}f}" for end in ("value", "low", "high"))
    return f"{value}{unit} [{low}, {high}]".replace("-", "−")
