"""`metier new`: a task from a sentence, with label names, a guide, settings and a first model without labelled rows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from metier.applications.starting.asked_model import asked_proposal
from metier.applications.starting.proposal import Proposal, proposal_of
from metier.applications.starting.sentence import read_sentence, spoken_of
from metier.applications.starting.writing import GUIDE, MODEL, SETTINGS, Written, write_proposal
from metier.cli.commands import HELP
from metier.cli.console import ProgressLines, answer_console, count, figures_table, percentage, print_json
from metier.cli.row_options import reading_options, text_option
from metier.cli.speech import lang_option, spoken, with_language
from metier.data import Rows, read
from metier.data.output_files import make_folder, output_errors
from metier.errors import CallError

SHOWN_DESCRIPTIONS = 60  # Characters.
FOLDER = Path("new-task")


@click.command(
    context_settings=HELP, epilog='Example: metier new "sort our tickets by urgency" --rows tickets.csv'
)
@click.argument("sentence", metavar="SENTENCE")
@click.option(
    "--rows",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Rows without labels: a first model answers them by the label descriptions.",
)
@text_option
@click.option(
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=FOLDER,
    show_default=True,
    help="Folder to write; a new one.",
)
@click.option(
    "--model",
    metavar="NAME",
    help="Ask this chat model behind METIER_ENDPOINT_URL for the proposal. Only the sentence is sent. Default: templates.",
)
@click.option("--base", default="auto", show_default=True, help="Pretrained model of the first model.")
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@lang_option()
def new(
    *,
    sentence: str,
    rows: Path | None,
    text: str | None,
    output: Path,
    model: str | None,
    base: str,
    as_json: bool,
    lang: str | None,
    **how: Any,
) -> None:
    """Propose a task from one sentence.

    The sentence says in English or Chinese what should be done with which texts: "sort our tickets by urgency", "extract
    drugs and doses from case notes", "sort mails into billing, delivery and other". The folder of --output gets a guide
    for those who label, settings for metier train, and the label descriptions. With --rows there is a first model, too,
    which knows the labels by their descriptions alone, and its answers to the rows. How often it is right nobody has
    measured: label some rows and ask metier evaluate.
    """
    _check_folder(output)
    if model is not None:
        proposal = asked_proposal(sentence, model, spoken=spoken_of(sentence))
    else:
        proposal = proposal_of(read_sentence(sentence))
    given = None if rows is None else read(rows, text=text, **how)
    make_folder(output.parent)
    with ProgressLines() as listener:
        written = write_proposal(proposal, output, rows=given, base=base, listener=listener)
    facts = _facts(proposal, written, given)
    print_json(facts) if as_json else _print(proposal, written, given)


def _check_folder(folder: Path) -> None:
    """Refuse a folder that holds something, which would be lost."""
    with output_errors(folder):
        is_taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if is_taken:
        raise CallError(
            f"{folder} is there already, and nothing in it is replaced. Name a new folder with --output."
        )


def _facts(proposal: Proposal, written: Written, rows: Rows | None) -> Mapping[str, Any]:
    model = written.model
    return {
        "sentence": proposal.sentence,
        "task": proposal.trained_task,
        "labels": [{"name": one.name, "descriptions": list(one.descriptions)} for one in proposal.labels],
        "ordered": proposal.is_ordered,
        "languages": list(proposal.languages),
        "proposed_by": proposal.proposed_by,
        "read_from": list(proposal.why),
        "folder": str(written.folder),
        "files": list(written.files),
        "rows": None if rows is None else len(rows),
        "first_answers": None if model is None else model.counts,
    }


def _print(proposal: Proposal, written: Written, rows: Rows | None) -> None:
    console, say = answer_console(), spoken()
    by = say("templates") if proposal.proposed_by == "templates" else proposal.proposed_by
    console.print(
        Text(say("proposed by {source}: {task}", source=by, task=proposal.trained_task)), soft_wrap=True
    )
    if proposal.labels:
        console.print(_labels(proposal, written))
    if rows is not None and written.model is None:
        console.print(
            Text(say("no first model: label descriptions make one only where a text gets one label")),
            soft_wrap=True,
        )
    if written.model is not None:
        console.print(
            Text(say("the first model was not measured: it knows the labels by their descriptions alone")),
            soft_wrap=True,
        )
    console.print(Text(say("wrote {file}", file=written.folder)), soft_wrap=True)
    for command in _following(written):
        console.print(Text(say("next: {command}", command=with_language(command))), soft_wrap=True)


def _labels(proposal: Proposal, written: Written) -> Any:
    say, counts = spoken(), {} if written.model is None else written.model.counts
    table = figures_table(say("label"), *([say("first answers")] if counts else []), say("description"))
    total = max(sum(counts.values()), 1)
    for one in proposal.labels:
        n = counts.get(one.name, 0)
        share = [f"{count(n)} ({percentage(n / total)})"] if counts else []
        table.add_row(Text(one.name), *share, Text(_shortened(one.descriptions[0])))
    return table


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN_DESCRIPTIONS else text[: SHOWN_DESCRIPTIONS - 1] + "…"


def _following(written: Written) -> list[str]:
    folder = written.folder
    asked = [f'metier predict {folder / MODEL} "…"'] if written.model is not None else []
    return [f"less {folder / GUIDE}", *asked, f"metier train --settings {folder / SETTINGS}"]
