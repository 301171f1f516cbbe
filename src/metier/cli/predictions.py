"""`metier predictions`: what a service answered, and what was said about it, as JSON lines."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from metier.cli.commands import HELP
from metier.cli.console import print_json
from metier.cli.speech import lang_option
from metier.errors import CallError
from metier.serving.prediction_log import Feedback, Prediction, PredictionLog
from metier.serving.prediction_log.prediction_log import DATABASE


@click.command(
    context_settings=HELP, epilog="Example: metier predictions predictions --corrected > corrected.jsonl"
)
@click.argument("store", metavar="FOLDER_OR_URL")
@click.option("--since", type=click.DateTime(), metavar="TIME", help="Answered at this time or later, in UTC.")
@click.option("--until", type=click.DateTime(), metavar="TIME", help="Answered before this time, in UTC.")
@click.option("--model", metavar="NAME", help="Of this model alone.")
@click.option("--version", metavar="VERSION", help="Of this version alone.")
@click.option("--corrected", is_flag=True, help="Only answers that feedback has corrected.")
@click.option("--with-shadows", is_flag=True, help="Also the answers of shadows, which nobody was given.")
@lang_option()
def predictions(
    *, store: str, since: datetime | None, until: datetime | None, model: str | None, version: str | None,
    corrected: bool, with_shadows: bool, lang: str | None,
) -> None:  # fmt: skip
    """Export what a service answered as JSON lines.

    One line an answer, in the order in which they were stored, with the feedback on it.
    """
    if "://" not in store and not (Path(store) / DATABASE).is_file():
        raise CallError(
            f"There is no store of predictions in {store}. Name the folder that metier serve was given with "
            "--log-predictions."
        )
    log = PredictionLog(store)
    for batch in log.read(since=since, until=until, model=model, version=version, with_shadows=with_shadows):
        for one in batch:
            if one.correction is not None or not corrected:
                print_json(_facts(one))
    log.close()


def _facts(one: Prediction) -> dict[str, Any]:
    facts = {
        "prediction_id": one.id,
        "at": one.at.isoformat(timespec="milliseconds"),
        "model": one.model,
        "version": one.version,
        "role": one.role,
        "of": one.of,
        "answered_by": one.answered_by,
        "caller": one.caller,
        "subject": one.subject,
        "latency_ms": one.latency_ms,
        "answer": one.answer,
        "question": one.question,
        "correction": one.correction,
        "thumb": one.thumb,
        "feedback": [_said(said) for said in one.feedback],
    }
    return {name: value for name, value in facts.items() if value is not None and value != []}


def _said(said: Feedback) -> dict[str, Any]:
    facts = {**vars(said), "at": said.at.isoformat(timespec="milliseconds")}
    return {name: value for name, value in facts.items() if value is not None and name != "prediction_id"}
