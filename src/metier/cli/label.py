"""`metier label`: labels from rules, each with a probability; or from people, row by row."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
from rich.table import Table
from rich.text import Text

from metier.cli.commands import HELP
from metier.cli.console import answer_console, count, percentage, print_json
from metier.cli.label_options import page_options, show_page
from metier.cli.labelled_spans import labelled_spans
from metier.cli.shares import Share
from metier.cli.speech import lang_option, spoken, with_language
from metier.data import Rows, open_writer, read
from metier.data.output_files import check_output
from metier.data.weak_labels import (
    LabelModel,
    RelationRule,
    SpanRule,
    Votes,
    apply_rules,
    describe_votes,
    majority_vote,
    read_rules,
    sort_of_rules,
)
from metier.tasks.inputs import MARKED_TEXT

METHODS = ("model", "majority")
SHOWN_LABELS = 3


@click.command(
    context_settings=HELP,
    epilog="Example: metier label tickets.csv --rules rules.yaml --out labelled.csv\n\n"
    "Example: metier label --queue queue.sqlite --labeller anna",
)
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--rules",
    type=click.Path(path_type=Path),
    help="YAML file with a list of rules, each with a label and its words.",
)
@page_options
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write: the rows with label and probability."
)
@click.option("--text", metavar="COLUMN", help="Column with the text. Default: inferred (reported).")
@click.option(
    "--label", metavar="COLUMN", help="True labels where some are known, to measure the accuracy of the rules."
)
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default="model",
    help="Weight rules by their estimated accuracy, or count votes. Default: model.",
)
@click.option(
    "--least",
    type=Share(),
    default=0.0,
    metavar="P",
    help="Leave rows unlabelled whose label is less probable. Default: 0.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@lang_option()
def label(
    *,
    file: Path | None,
    rules: Path | None,
    out: Path | None,
    text: str | None,
    label: str | None,
    method: str,
    least: float,
    overwrite: bool,
    as_json: bool,
    lang: str | None,
    **paged: Any,
) -> None:
    """Label rows by rules, or row by row on a page of the terminal.

    The rules file lists rules, each with a label and words: any_of, all_of, none_of; or mark with before and after, to
    mark spans; or between, to label relations by what stands between two entities. Words match as whole words in
    any case, Chinese ones anywhere, and re:… is a regular expression. A label model estimates the accuracy of each rule
    from their agreement, without true labels, and combines the votes into one label and its probability. Rows that no
    rule covers stay unlabelled: metier train --drop-unlabelled removes them.

    With --queue, rows of a queue that metier queue has filled are shown one after another: one key a label, Enter for the
    model's answer, Space to skip, u to take back, q to end; ? shows the keys. Each answer is stored at once.
    """
    if (rules is None) == (paged["queue"] is None):
        raise click.UsageError("Give FILE with --rules to label by rules, or --queue to label row by row.")
    if paged["queue"] is not None:
        show_page(as_json=as_json, **paged)
        return
    if file is None:
        raise click.UsageError("--rules needs FILE, the rows to label.")
    if out is not None:
        check_output(out, overwrite=overwrite)
    known = read_rules(Path(str(rules)))
    sort = sort_of_rules(known)
    rows = read(file, text=text, label="none" if sort is SpanRule else label)
    if sort is SpanRule:
        found = labelled_spans(
            known, rows, file, out, by_model=method == "model", least=least, overwrite=overwrite
        )
        print_json(found) if as_json else _print(found, has_truth=rows.roles.spans is not None)
        return
    votes = apply_rules(known, MARKED_TEXT.from_rows(rows) if sort is RelationRule else list(rows.texts))
    model = LabelModel().fit(votes)
    probabilities = model.predict_proba(votes) if method == "model" else majority_vote(votes)
    truth = rows.column("label") if rows.roles.label else None
    facts = describe_votes(votes, estimated=model.accuracy_.tolist(), truth=truth)
    labelled = votes.is_covered & (probabilities.max(axis=1) >= least)
    if out is not None:
        with open_writer(out, overwrite=overwrite) as writer:
            writer.write(_labelled_table(rows, votes, probabilities, labelled))
    best = [votes.labels[code] for code in probabilities.argmax(axis=1)]
    answered = [label if known else None for label, known in zip(best, labelled.tolist(), strict=True)]
    found = {
        "file": str(file),
        **_facts(rows, votes, answered, truth),
        "rules": [asdict(one) for one in facts],
        "notes": list(rows.notes),
        "out": str(out) if out else None,
    }
    print_json(found) if as_json else _print(found, has_truth=truth is not None)


def _labelled_table(rows: Rows, votes: Votes, probabilities: np.ndarray, labelled: np.ndarray) -> pa.Table:
    """Give the rows with their labels and how probable these are."""
    best = probabilities.argmax(axis=1)
    table = rows.table
    columns: Mapping[str, list[Any]] = {
        "label" if "label" not in table.column_names else "weak_label": [
            votes.labels[code] if known else None for code, known in zip(best, labelled, strict=True)
        ],
        "probability": [
            round(float(row[code]), 4) if known else None
            for row, code, known in zip(probabilities, best, labelled, strict=True)
        ],
    }
    for name, values in columns.items():
        kept = [column for column in table.column_names if column != name]
        table = table.select(kept).append_column(name, pa.array(values))
    return table


def _facts(
    rows: Rows, votes: Votes, answered: list[str | None], truth: list[str | None] | None
) -> dict[str, Any]:
    """Count the labels that rows were given (None: unlabelled), and measure their accuracy."""
    is_correct = [
        one == other
        for one, other in zip(answered, truth or [], strict=False)
        if one is not None and other is not None
    ]
    conflicts = ((votes.counts() > 0).sum(axis=1) > 1).mean()
    return {
        "rows": len(rows),
        "labelled": sum(one is not None for one in answered),
        "conflict_fraction": float(conflicts),
        "labels": {name: answered.count(name) for name in votes.labels},
        "accuracy": sum(is_correct) / len(is_correct) if is_correct else None,
    }


def _print(facts: Mapping[str, Any], *, has_truth: bool) -> None:
    console, say = answer_console(), spoken()
    console.print(Text(_headline(facts)), soft_wrap=True)
    console.print(_table(facts["rules"], has_truth=has_truth))
    following = say("add --out labelled.csv to write the rows")
    if facts["out"]:
        following = with_language(f"metier train {facts['out']}{facts.get('flag', ' --drop-unlabelled')}")
    console.print(Text(say("next: {command}", command=following)), soft_wrap=True)


def _headline(facts: Mapping[str, Any]) -> str:
    say = spoken()
    share = percentage(facts["labelled"] / max(facts["rows"], 1))
    part = {"n": count(facts["labelled"]), "rows": count(facts["rows"]), "share": share}
    headline = say("{file}: {n} of {rows} rows labelled ({share})", file=facts["file"], **part)
    conflicts = {"n": len(facts["labels"]), "share": percentage(facts["conflict_fraction"])}
    headline += say(", {n} label(s|), rules conflict in {share}", **conflicts)
    if facts["accuracy"] is not None:
        correct = percentage(facts["accuracy"])
        headline += say("; {share} of the labels are correct where the true one is known", share=correct)
    return headline


def _table(rules: list[dict[str, Any]], *, has_truth: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    say = spoken()
    table.add_column(say("rule"), overflow="fold")
    table.add_column(say("label"))
    shares = [say("coverage %"), say("overlaps %"), say("conflicts %"), say("accuracy %, estimated")]
    for heading in [*shares, *([say("measured")] if has_truth else [])]:
        table.add_column(heading, justify="right")
    for rule in rules:
        shown = ", ".join(rule["labels"][:SHOWN_LABELS]) + (", …" if len(rule["labels"]) > SHOWN_LABELS else "")
        shares = [rule[name] for name in ("coverage", "overlaps", "conflicts", "estimated_accuracy")]
        cells = [_share(value) for value in [*shares, *([rule["accuracy"]] if has_truth else [])]]
        table.add_row(Text(rule["name"]), Text(shown), *cells)
    return table


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"
