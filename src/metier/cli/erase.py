"""`metier erase`: a person, erased from what a service has put down."""

from pathlib import Path
from typing import Any

import click

from metier.cli.commands import HELP
from metier.cli.console import count, print_json, print_line
from metier.cli.speech import lang_option, spoken
from metier.continual.queue.candidates import watch_digests
from metier.continual.queue.store import QueueStore
from metier.continual.update.replay_store import erase_replayed
from metier.dialogue.memory.conversation_store import erase_remembered
from metier.errors import CallError
from metier.monitoring.store.watch_store import erase_watched
from metier.serving.guards.audit_chain import check_is_log
from metier.serving.guards.audit_log import AuditLog
from metier.serving.prediction_log import PredictionLog, erase_subject

URL_SIGN = ":/"  # What Path leaves of the sign of a URL.


@click.command(
    context_settings=HELP, epilog="Example: metier erase --subject 4711 --audit audit --predictions predictions"
)
@click.option(
    "--subject",
    required=True,
    metavar="NAME",
    help="Who is erased, as the requests named the person in X-Subject or in the field subject.",
)
@click.option("--audit", type=click.Path(path_type=Path), metavar="FOLDER", help="Folder of the audit log.")
@click.option("--predictions", metavar="FOLDER_OR_URL", help="Store of predictions: its folder or database.")
@click.option("--watch", metavar="FILE_OR_URL", help="Store of a watch: its SQLite file or database.")
@click.option(
    "--replay", type=click.Path(path_type=Path), metavar="FILE", help="Store of rows that updates learn again."
)
@click.option("--queue", metavar="FILE_OR_URL", help="Queue of rows to be labelled: its file or database.")
@click.option(
    "--memory",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Memory of conversations: those with the subject, or the one of that name.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the facts as one line.")
@lang_option()
def erase(
    *,
    subject: str,
    audit: Path | None,
    predictions: str | None,
    watch: str | None,
    replay: Path | None,
    queue: str | None,
    memory: Path | None,
    as_json: bool,
    lang: str | None,
) -> None:
    """Erase a person from the logs of a service or a watch.

    In the audit log the key that leads from its lines to the person is destroyed; the lines stay, and the chain holds. In
    the predictions texts, answers and feedback are removed, and in the store of a watch messages, answers and what alarms
    quote of them; counts stay. In a store of updates rows are removed, and in a memory turns, which are overwritten. All
    may be in use. That it was done is put down in the audit log, without saying of whom.

    From a queue, rows about the person are removed with all their labels: name the stores that rows came from too, so that
    these rows are known.
    """
    if all(one is None for one in (audit, predictions, watch, replay, queue, memory)):
        raise CallError(
            "Name what to erase the subject from: --audit FOLDER, --predictions FOLDER, --watch FILE, --replay FILE, "
            "--queue FILE, --memory FILE, or several."
        )
    if not subject.strip():
        raise CallError("--subject is empty. Name who is erased, as the requests or messages named the person.")
    for flag, path in (("--audit", audit), ("--replay", replay), ("--memory", memory)):
        if path is not None and URL_SIGN in str(path):  # It is not repeated: a password may stand in it.
            raise CallError(
                f"{flag} takes a path, and the URL of a database was given. Name the folder or file."
            )
    if audit is not None:
        check_is_log(audit)
    n_rows = None if queue is None else _from_queue(queue, predictions, watch, subject)
    n_predictions = None if predictions is None else erase_subject(predictions, subject)
    n_messages = None if watch is None else erase_watched(watch, subject)
    n_replayed = None if replay is None else erase_replayed(replay, subject)
    n_turns = None if memory is None else erase_remembered(memory, subject)
    was_known = None if audit is None else _forget(audit, subject, n_predictions)
    if as_json:
        facts = {
            "predictions": n_predictions,
            "messages": n_messages,
            "replayed": n_replayed,
            "queue": n_rows,
            "memory": n_turns,
        }
        print_json({**facts, "was_in_audit": was_known})
        return
    say = spoken()
    if queue is not None:
        done = say("erased in {folder}: {n} row(s|) with their labels", folder=queue, n=count(n_rows or 0))
        print_line(done if n_rows else say("nothing of the subject in {folder}", folder=queue))
    if predictions is not None:
        done = say("erased in {folder}: {n} prediction(s|)", folder=predictions, n=count(n_predictions or 0))
        print_line(done if n_predictions else say("nothing of the subject in {folder}", folder=predictions))
    if watch is not None:
        done = say("erased in {folder}: {n} message(s|)", folder=watch, n=count(n_messages or 0))
        print_line(done if n_messages else say("nothing of the subject in {folder}", folder=watch))
    if replay is not None:
        done = say("erased in {folder}: {n} row(s|)", folder=replay, n=count(n_replayed or 0))
        print_line(done if n_replayed else say("nothing of the subject in {folder}", folder=replay))
    if memory is not None:
        done = say("erased in {folder}: {n} turn(s|)", folder=memory, n=count(n_turns or 0))
        print_line(done if n_turns else say("nothing of the subject in {folder}", folder=memory))
    if audit is not None:
        done = say(
            "erased in {folder}: what leads from the lines of the audit log to the subject", folder=audit
        )
        print_line(done if was_known else say("nothing of the subject in {folder}", folder=audit))


def _from_queue(queue: str, predictions: str | None, watch: str | None, subject: str) -> int:
    """Remove a person's rows, by all digests that stand for the person: the queue's own and those of the other stores."""
    store = QueueStore(queue, may_be_new=False)
    try:
        digests = [
            one for place in {store.place, watch or store.place} for one in watch_digests(place, subject)
        ]
        if predictions is not None:
            log = PredictionLog(predictions)
            digests.append(log.digest(subject))
            log.close()
        return store.erase(subject, digests=digests)
    finally:
        store.close()


def _forget(folder: Path, subject: str, n_predictions: int | None) -> bool:
    log = AuditLog(folder)
    try:
        was_known = log.forget(subject)
        facts: dict[str, Any] = {} if n_predictions is None else {"predictions": n_predictions}
        log.write("erase", **facts, was_known=was_known)
    finally:
        log.close()
    return was_known
