"""`metier queue`: fill a queue of rows to be labelled, see where it stands, and take out what was labelled."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from metier.bundles import load_bundle, resolve_bundle
from metier.cli.commands import HELP
from metier.cli.console import ProgressLines, count, print_json, print_line
from metier.cli.parted_names import parted
from metier.cli.queue_state import print_state
from metier.cli.row_options import reading_options, text_option
from metier.cli.shares import NumberRange, Share
from metier.cli.speech import lang_option, spoken, with_language
from metier.continual.labelling.label_studio import labelling_config, tasks_of
from metier.continual.labelling.label_studio_export import import_labels
from metier.continual.labelling.labelled_rows import audit_labels as labels_of_audit
from metier.continual.labelling.labelled_rows import labelled_rows
from metier.continual.labelling.state import state_of
from metier.continual.queue.candidates import read_candidates
from metier.continual.queue.costs import Costs
from metier.continual.queue.filling import Filled, Filling, fill
from metier.continual.queue.items import KINDS
from metier.continual.queue.store import QueueStore
from metier.continual.queue.strategies import STRATEGIES, build_strategy
from metier.data import open_writer, read
from metier.data.output_files import check_output
from metier.data.trained_columns import with_columns
from metier.errors import CallError
from metier.machine import usable_cores
from metier.storage import partial_file

TASKS_SUFFIX = ".xml"  # Of Label Studio's labelling interface, beside the tasks.


@click.command(
    context_settings=HELP, epilog="Example: metier queue queue.sqlite asked-in-may.csv --model runs/demo --n 50"
)
@click.argument("queue", metavar="QUEUE")
@click.argument("source", metavar="[ROWS]", required=False)
@click.option(
    "--model", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path), help="Model that answers the rows."
)
@click.option(
    "--strategy",
    metavar="A,B",
    callback=parted,
    help=f"In turns: {', '.join(STRATEGIES)}. Default: stratified, in later batches breaking_ties.",
)
@click.option("--n", type=click.IntRange(min=1), default=100, help="Rows to add. Default: 100.")
@click.option("--audit", type=Share(), default=0.1, help="Share of them drawn by chance. Default: 0.1.")
@click.option("--train", metavar="FILE", type=click.Path(path_type=Path), help="Rows that have labels already.")
@click.option("--trusted", metavar="COLUMN", help="Column of answers that are right, to check labellers by.")
@click.option("--subject", metavar="COLUMN", help="Column of whom a row is about, to be erased by.")
@click.option(
    "--bundle", metavar="NAME", help="Of a watch's store: the bundle whose answers are noted. Default: all."
)
@click.option("--price", type=NumberRange(min=0), default=0.0, help="Money a label. Default: 0.")
@click.option("--hourly", type=NumberRange(min=0), default=0.0, help="Money an hour of a labeller. Default: 0.")
@click.option(
    "--seconds", type=NumberRange(min=0.1), default=10.0, help="Seconds a label, until measured. Default: 10."
)
@click.option("--budget", type=NumberRange(min=0), help="Money that the added rows may cost.")
@click.option("--hours", type=NumberRange(min=0), help="Hours that the added rows may take.")
@click.option(
    "--most-rows", type=click.IntRange(min=1), default=20_000, help="Rows that are looked at. Default: 20000."
)
@click.option("--plain", is_flag=True, help="Keep texts as they are. Default: personal data is masked.")
@click.option("--labels", metavar="A,B,C", callback=parted, help="Labels to choose from. Default: the model's.")
@click.option(
    "--kind", type=click.Choice(KINDS), help="One label a row, any number, or spans. Default: as the model."
)
@click.option(
    "--margin", type=Share(), default=0.02, help="Change of accuracy that is worth no batch. Default: 0.02."
)
@click.option("--out", type=click.Path(path_type=Path), help="File to write: the decided rows.")
@click.option(
    "--audit-labels",
    type=click.Path(path_type=Path),
    help="CSV file to write: decided messages of a watch drawn by chance, by which it measures accuracy.",
)
@click.option("--label-studio", type=click.Path(path_type=Path), help="JSON file to write: open rows as tasks.")
@click.option(
    "--import",
    "import_",
    type=click.Path(path_type=Path),
    help="Label Studio's JSON export to read.",
)
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@text_option
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print all facts as one line.")
@lang_option()
def queue(
    *,
    queue: str,
    source: str | None,
    model: Path | None,
    strategy: tuple[str, ...] | None,
    n: int,
    audit: float,
    train: Path | None,
    trusted: str | None,
    subject: str | None,
    bundle: str | None,
    most_rows: int,
    plain: bool,
    labels: tuple[str, ...] | None,
    kind: str | None,
    margin: float,
    out: Path | None,
    audit_labels: Path | None,
    label_studio: Path | None,
    import_: Path | None,
    overwrite: bool,
    as_json: bool,
    lang: str | None,
    **more: Any,
) -> None:
    """Choose rows that are worth a label, and see where labelling stands.

    QUEUE is a file, or the URL of a database; it may be the store of a watch. With ROWS, rows are added: of a file, of the
    store of a watch, or of a service's predictions. Some are drawn by chance, and they alone estimate accuracy; the others
    are chosen by a strategy, and each says why it is there. People label them with metier label --queue.

    Without ROWS nothing is added. The state says what is labelled, how well people agree, how right the model is, and
    whether one more batch is worth it.
    """
    costs = Costs(**{name: more.pop(name) for name in Costs.model_fields})
    for path in (out, audit_labels, label_studio):
        if path is not None:
            check_output(path, overwrite=overwrite)
    for name in strategy or ():
        build_strategy(name)
    store = QueueStore(queue, may_be_new=source is not None)
    facts: dict[str, Any] = {"queue": queue}
    try:
        _note_settings(store, labels, kind)
        if source is not None:
            how = Filling(
                strategies=tuple(strategy or ()),
                n=n,
                audit_fraction=audit,
                most_rows=most_rows,
                mask=not plain,
                costs=costs,
            )
            columns = {"trusted": trusted, "subject": subject, "bundle": bundle, **more}
            facts["filled"] = vars(_fill(store, source, model, train, how, columns))
        if import_ is not None:
            found = import_labels(store, import_, kind=store.setting("kind", "label"))
            facts["imported"] = vars(found) | {"labellers": sorted(found.labellers)}
        if out is not None:
            with open_writer(out, overwrite=overwrite) as writer:
                writer.write(labelled_rows(store.decided(), store.setting("kind", "label")))
            facts["out"] = str(out)
        if audit_labels is not None:
            facts["audit_labels"] = _write_audit_labels(store, audit_labels, overwrite=overwrite)
        if label_studio is not None:
            facts["tasks"] = _write_tasks(store, label_studio)
        facts["state"] = state_of(store, margin=margin).as_dict()
    finally:
        store.close()
    print_json(facts) if as_json else _print(facts, out, audit_labels, label_studio)


def _note_settings(store: QueueStore, labels: tuple[str, ...] | None, kind: str | None) -> None:
    if labels:
        store.add_labels(labels, first=True)
    if kind is not None:
        store.change(kind=kind)


def _fill(
    store: QueueStore,
    source: str,
    path: Path | None,
    train: Path | None,
    how: Filling,
    columns: Mapping[str, Any],
) -> Filled:
    model = None if path is None else load_bundle(resolve_bundle(path), threads=usable_cores())
    trained = {} if model is None else model.roles
    given = {name: value for name, value in columns.items() if value is not None}
    candidates = read_candidates(source, trained=trained, **given)
    known: list[tuple[str, str]] = []
    if train is not None:
        rows = with_columns(trained, lambda **roles: read(train, **roles))
        if rows.roles.label is None:
            raise CallError(f"{train} has no column of labels. Give the rows that the model learned from.")
        known = list(zip(rows.texts, rows.labels, strict=True))
    with ProgressLines() as listener:
        return fill(store, candidates, model=model, known=known, how=how, listener=listener)


def _write_audit_labels(store: QueueStore, path: Path, *, overwrite: bool) -> int:
    """Write the labels by which a watch measures accuracy."""
    found = labels_of_audit(store.decided())
    with open_writer(path, overwrite=overwrite) as writer:
        writer.write(found)
    return len(found)


def _write_tasks(store: QueueStore, path: Path) -> int:
    """Write open rows as tasks, and the labelling interface beside them."""
    items = store.items("waiting", "labelled")
    if not items:
        raise CallError("No row of the queue waits for a label. Add rows first.")
    with partial_file(path) as partial:
        partial.write_text(json.dumps(tasks_of(items), ensure_ascii=False, indent=1) + "\n", "utf-8")
    with partial_file(path.with_suffix(TASKS_SUFFIX)) as partial:
        partial.write_text(
            labelling_config(store.setting("labels", []), store.setting("kind", "label")), "utf-8"
        )
    return len(items)


def _print(
    facts: Mapping[str, Any], out: Path | None, audit_labels: Path | None, label_studio: Path | None
) -> None:
    say = spoken()
    if filled := facts.get("filled"):
        _print_filled(facts["queue"], filled)
    if imported := facts.get("imported"):
        told = {"n": count(imported["labelled"]), "names": say.listed(imported["labellers"])}
        print_line(say("{n} label(s|) read from Label Studio ({names})", **told))
        for note in imported["notes"]:
            print_line("· " + say.told(note))
    if out is not None:
        print_line(say("written: {file}", file=out))
    if audit_labels is not None:
        labels = {"n": count(facts["audit_labels"]), "file": audit_labels}
        print_line(say("{n} label(s|) of messages drawn by chance: {file}", **labels))
    if label_studio is not None:
        tasks = {
            "n": count(facts["tasks"]),
            "file": label_studio,
            "interface": label_studio.with_suffix(TASKS_SUFFIX).name,
        }
        print_line(say("{n} task(s|) for Label Studio: {file}, labelling interface: {interface}", **tasks))
    print_state(facts["state"], facts["queue"])


def _print_filled(queue: str, filled: Mapping[str, Any]) -> None:
    say = spoken()
    by = say.listed(f"{name} {n:,}" for name, n in filled["by"].items())
    told = {"n": count(filled["added"]), "all": count(filled["looked_at"])}
    print_line(say("{n} row(s|) added of {all}", **told) + (f" ({by})" if by else ""))
    if filled["added"]:
        minutes = f"{filled['seconds'] / 60:.0f}"
        if filled["money"]:
            cost = f"{filled['money']:,.2f}"
            print_line(say("about {minutes} min of labelling, {cost} in money", minutes=minutes, cost=cost))
        else:
            print_line(say("about {minutes} min of labelling", minutes=minutes))
    for note in filled["notes"]:
        print_line("· " + say.told(note))
    print_line(say("next: {command}", command=with_language(f"metier label --queue {queue}")))
