"""The flags of `metier label --queue`, and what they begin: the page of a labeller, or of who settles disagreements."""

import getpass
from collections.abc import Callable
from typing import Any

import click

from metier.cli.console import answer_console, count, print_json, print_line
from metier.cli.label_page import run_page
from metier.cli.parted_names import parted
from metier.cli.shares import Share
from metier.cli.speech import spoken, with_language
from metier.cli.terminal_keys import keys
from metier.continual.labelling.feeds import DisagreedRows, Feed, OwnRows
from metier.continual.labelling.page import Page
from metier.continual.queue.items import KINDS
from metier.continual.queue.store import QueueStore
from metier.errors import CallError

OPTIONS = (
    click.option(
        "--queue",
        metavar="FILE_OR_URL",
        help="Queue to label row by row: a file or the URL of a database, with #NAME for one of several queues.",
    ),
    click.option("--labeller", metavar="NAME", help="Who labels. Default: the user's name."),
    click.option(
        "--overlap",
        type=Share(),
        metavar="X",
        help="Share of the rows that two labellers get, 0 to 1. Default: as it was set, at first 0.",
    ),
    click.option("--adjudicate", is_flag=True, help="Settle the rows on which labellers disagree."),
    click.option("--no-suggestions", is_flag=True, help="Do not show what the model answers."),
    click.option(
        "--labels", metavar="A,B,C", callback=parted, help="Labels to choose from. Default: the model's."
    ),
    click.option(
        "--kind",
        type=click.Choice(KINDS),
        help="One label a row, any number, or spans. Default: as the model answers.",
    ),
)


def page_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def show_page(
    *,
    queue: str,
    labeller: str | None,
    overlap: float | None,
    adjudicate: bool,
    no_suggestions: bool,
    labels: list[str] | None,
    kind: str | None,
    as_json: bool,
) -> None:
    """Show the rows of a queue until its page is closed, and say what was done."""
    store = QueueStore(queue, may_be_new=False)
    try:
        if overlap is not None:
            store.set_overlap(overlap)
        _note_settings(store, labels, kind)
        page = _page(store, labeller or getpass.getuser(), adjudicate=adjudicate, suggests=not no_suggestions)
        try:
            run_page(page, keys(), answer_console(), kind=page.kind)
        finally:
            page.feed.close()
        facts = {"labelled": page.view().n_done, "left": page.feed.n_left(), "states": store.counts()}
    finally:
        store.close()
    print_json(facts) if as_json else _say(queue, facts)


def _note_settings(store: QueueStore, labels: list[str] | None, kind: str | None) -> None:
    if labels:
        store.add_labels(labels, first=True)
    if kind is not None:
        store.change(kind=kind)


def _page(store: QueueStore, who: str, *, adjudicate: bool, suggests: bool) -> Page:
    counts = store.counts()
    if not counts:
        raise CallError(
            f"The queue {store.place} is empty. Fill it with: metier queue {store.place} ROWS --model RUN"
        )
    if adjudicate and not counts.get("disagreed"):
        raise CallError(
            f"In the queue {store.place} labellers disagree on no row, so there is nothing to settle."
        )
    known = store.setting("labels", [])
    if not known:
        raise CallError(f"The queue {store.place} has no labels to choose from. Name them with --labels A,B,C.")
    feed: Feed = DisagreedRows(store, who) if adjudicate else OwnRows(store, who)
    return Page(
        feed,
        known,
        store.setting("kind", "label"),
        with_suggestions=suggests and not adjudicate,
        add_label=lambda label: store.add_labels([label]),
    )


def _say(queue: str, facts: dict[str, Any]) -> None:
    say = spoken()
    print_line(say("{n} row(s|) labelled, {left} left", n=count(facts["labelled"]), left=count(facts["left"])))
    if facts["states"].get("disagreed"):
        command = with_language(f"metier label --queue {queue} --adjudicate")
        print_line(
            say(
                "labellers disagree on {n} row(s|); settle: {command}",
                n=facts["states"]["disagreed"],
                command=command,
            )
        )
    if facts["states"].get("decided"):
        print_line(say("next: {command}", command=with_language(f"metier queue {queue} --out labelled.csv")))
