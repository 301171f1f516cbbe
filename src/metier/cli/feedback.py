"""`metier feedback`: corrections of a service into the queue, those that teach wrong things held back with a reason."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.text import Text

from metier.bundles import load_bundle
from metier.cli.commands import HELP
from metier.cli.console import ProgressLines, answer_console, count, figures_table, print_json, print_whole
from metier.cli.row_options import reading_options, text_option
from metier.cli.speech import lang_option, spoken
from metier.continual.poisoning import Trusted
from metier.continual.poisoning.feedback_queue import FeedbackTaken, held_back, let_through, take_feedback
from metier.continual.queue.reviewed import exchange_reviews
from metier.continual.queue.store import QueueStore
from metier.continual.update.feature_source import FeatureSource, feature_source
from metier.progress import Listener
from metier.selection.labelled_rows import labelled_rows
from metier.serving.prediction_log import PredictionLog
from metier.serving.prediction_log.erasing import check_is_store
from metier.serving.reviews import ReviewStore

MOST_SHOWN = 10
MOST_REVIEWS = 100_000


@click.command(
    context_settings=HELP,
    epilog="Example: metier feedback predictions --bundle runs/demo --trusted trusted.csv --queue queue.sqlite",
)
@click.argument("predictions", metavar="FOLDER_OR_URL")
@click.option(
    "--bundle",
    required=True,
    metavar="RUN_OR_BUNDLE",
    type=click.Path(path_type=Path),
    help="The model that answered; its frozen features tell which questions are alike.",
)
@click.option(
    "--trusted",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Labelled rows that people checked and the model was not trained on.",
)
@click.option(
    "--reference",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Labelled rows that it was trained on. Default: half of --trusted.",
)
@click.option("--queue", required=True, metavar="FILE_OR_URL", help="Queue that corrections are put into.")
@click.option(
    "--let-through",
    multiple=True,
    metavar="NAME",
    help="Let through what is held back: a reason, a key, or a pair of labels as from>to; may be repeated.",
)
@click.option(
    "--trusted-key",
    multiple=True,
    metavar="NAME",
    help="Key whose corrections are not tested; may be repeated.",
)
@click.option("--model", metavar="NAME", help="Answers of this model alone. Default: of all.")
@click.option("--by", default="", metavar="NAME", help="Who lets through, kept in the queue.")
@text_option
@click.option("--label", metavar="COLUMN", help="Column with the label. Default: as in training.")
@reading_options
@lang_option()
@click.option("--json", "as_json", is_flag=True, help="Print all facts as one line.")
def feedback(
    *,
    predictions: str,
    bundle: Path,
    trusted: Path,
    reference: Path | None,
    queue: str,
    let_through: tuple[str, ...],
    trusted_key: tuple[str, ...],
    model: str | None,
    by: str,
    lang: str | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Put corrections of a service into a queue.

    Corrections that agree with trusted rows are decided rows of the queue, which metier update learns. Others are held back
    with the reason: a key that sends too many or contradicts trusted rows, a pair of labels that is corrected too often, a
    question that is unlike its label. Nothing is dropped: they wait in the queue for a label, or are let through here.

    Answers that wait for a person (metier serve --review) are put into the queue, too, and asked first; what is decided
    there is told to the service, and what reviewers decided is learned as it is.
    """
    where = predictions if "://" in predictions else Path(predictions)
    check_is_store(where)
    load_bundle(bundle)  # What is wrong with the call is said before a queue is made.
    store, reviews = QueueStore(queue), ReviewStore(where)
    exchanged = exchange_reviews(reviews, store)
    reviewers = {str(one.decided_by) for one in reviews.list(state="decided", limit=MOST_REVIEWS)}
    with ProgressLines() as listener:
        source = feature_source(load_bundle(bundle))
        rows = _trusted(bundle, source, trusted, reference, listener, **how)
        found = take_feedback(
            PredictionLog(where),
            store,
            rows,
            lambda texts: source.vectors(texts, listener=listener),
            model=model,
            trusted_keys=[*trusted_key, *reviewers],
        )
    n_through = let_held_through(store, let_through, by)
    facts = _facts(found, n_through, len(list(held_back(store)))) | {"reviews": asdict(exchanged)}
    print_json(facts) if as_json else _print(facts)


def let_held_through(store: QueueStore, names: tuple[str, ...], by: str) -> int:
    """Let through what was named, if anything was; gives how many rows."""
    return let_through(store, names, by=by or "metier feedback") if names else 0


def _trusted(
    bundle: Path, source: FeatureSource, trusted: Path, reference: Path | None, listener: Listener, **how: Any
) -> Trusted:
    """Give the trusted rows with their features, and what the model answers them."""
    model = load_bundle(bundle)
    given = labelled_rows(model, trusted, listener=listener, **how)
    texts, labels = list(given.rows.texts), [str(one) for one in given.scores.targets]
    vectors = source.vectors(texts, listener=listener)
    answered = [str(one) for one in given.answered(model, listener=listener)[0].predicted]
    if reference is not None:
        known = labelled_rows(model, reference, listener=listener, **how)
        own = source.vectors(list(known.rows.texts), listener=listener)
        return Trusted(own, [str(one) for one in known.scores.targets], vectors, labels, answered)
    order = np.random.default_rng(0).permutation(len(labels)).tolist()
    first, second = order[::2], order[1::2]
    return Trusted(
        vectors[first],
        [labels[row] for row in first],
        vectors[second],
        [labels[row] for row in second],
        [answered[row] for row in second],
    )


def _facts(found: FeedbackTaken, n_through: int, n_waiting: int) -> dict[str, Any]:
    return {
        "corrections": found.corrections,
        "confirmations": found.confirmations,
        "by_trusted_keys": found.by_trusted_keys,
        "learned": found.learned,
        "let_through": n_through,
        "waiting": n_waiting,
        "reasons": dict(Counter(one.reason for one in found.held)),
        "held": [vars(one) | {"facts": dict(one.facts)} for one in found.held],
        "left_out": found.left_out,
        "notes": list(found.notes),
    }


def _print(facts: Mapping[str, Any]) -> None:
    console, say = answer_console(), spoken()
    lines = [
        say(
            "{learned} new correction(s|) to learn, {waiting} held back; {corrections} corrections and {confirmations} "
            "confirmations in all",
            **{name: count(facts[name]) for name in ("learned", "waiting", "corrections", "confirmations")},
        )
    ]
    reviews = facts["reviews"]
    if any(reviews.values()):
        given = {name: count(n) for name, n in reviews.items()}
        lines.append(
            say(
                "reviews: {added} new in the queue, {decided_in_service} decided in the service, {decided_in_queue} in the "
                "queue",
                **given,
            )
        )
    if facts["let_through"]:
        lines.append(say("{n} let through", n=count(facts["let_through"])))
    lines += [f"! {say.told(note)}" for note in facts["notes"]]
    lines += [say("left out {n}: {why}", n=count(n), why=say.told(why)) for why, n in facts["left_out"].items()]
    for line in lines:
        console.print(Text(line), soft_wrap=True)
    told = Counter((one["reason"], one["sentence"]) for one in facts["held"])
    if told:
        table = figures_table(say("held back for"), say("corrections"), say("why"), left=1)
        for (reason, sentence), n in told.most_common(MOST_SHOWN):
            table.add_row(Text(say.told(reason)), count(n), Text(say.translated(sentence)))
        print_whole(console, table)
