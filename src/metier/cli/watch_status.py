"""`metier watch status`: what a store holds, and how far each source is read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from metier.cli.console import answer_console, count, figures_table, print_json, print_whole
from metier.cli.speech import spoken, with_language
from metier.cli.watch_options import command, settings_argument
from metier.monitoring.opening import existing_store
from metier.monitoring.series import SECONDS
from metier.monitoring.store.batches import VERSIONS
from metier.monitoring.store.reasons import missing_answers, refused_pieces
from metier.monitoring.store.watch_store import WatchStore
from metier.monitoring.watch_settings import WatchSettings, read_watch_settings

MOST_REASONS = 20  # Refused pieces and missing answers that are given with their reasons,
MOST_PRINTED = 5  # and printed.


@command("status", example="status watch.yaml")
@settings_argument
def status(*, settings: Path, as_json: bool, lang: str | None) -> None:
    """Say what is stored or refused, and how far sources are read."""
    told = read_watch_settings(settings)
    store = existing_store(told)
    try:
        facts = _facts(store, told)
    finally:
        store.close()
    print_json(facts) if as_json else _print(facts, settings)


def _facts(store: WatchStore, settings: WatchSettings) -> dict[str, Any]:
    with store.reading() as connection:
        reasons = {
            "refused_latest": refused_pieces(connection, MOST_REASONS),
            "unanswered_latest": missing_answers(connection, MOST_REASONS),
        }
    closed = store.last_closed()
    judged = None if closed is None else datetime.fromtimestamp((closed + 1) * SECONDS[settings.period], UTC)
    return {
        **store.figures(),
        **reasons,
        "judged_until": None if judged is None else judged.isoformat(),
        "sources": {
            name: {
                "stored": one.stored.isoformat(),
                "latest": None if one.latest is None else one.latest.isoformat(),
            }
            for name, one in store.sources().items()
        },
        "versions": store.state(VERSIONS) or {},
    }


def _print(facts: dict[str, Any], settings: Path) -> None:
    console, say = answer_console(), spoken()
    figures = {name: count(facts[name]) for name in ("messages", "copies", "late", "refused", "unanswered")}
    line = say(
        "{messages} message(s|): {copies} near-duplicate(s|), {late} late; {refused} refused, {unanswered} "
        "answer(s|) missing",
        **figures,
    )
    console.print(Text(line), soft_wrap=True)
    until = facts["judged_until"]
    told = say("no period is judged yet") if until is None else say("judged until {time}", time=_time(until))
    console.print(Text(told), soft_wrap=True)
    table = figures_table(say("source"), say("latest message"), say("stored"), left=3)
    for name, one in facts["sources"].items():
        table.add_row(Text(name), _time(one["latest"]), _time(one["stored"]))
    print_whole(console, table)
    for name, version in facts["versions"].items():
        console.print(
            Text(say("{name} is answered by version {version}", name=name, version=version)), soft_wrap=True
        )
    _print_reasons(facts)
    does = "brief" if facts["judged_until"] else "run"
    rest = "--output brief.html" if facts["judged_until"] else "--once"
    line = with_language(f"metier watch {does} {settings} {rest}")
    console.print(Text(say("next: {command}", command=line)), soft_wrap=True)


def _print_reasons(facts: dict[str, Any]) -> None:
    console, say = answer_console(), spoken()
    for one in facts["refused_latest"][:MOST_PRINTED]:
        told = {"source": one["source"], "reason": say.translated(_placed(one))}
        console.print(Text("! " + say("refused: {source}: {reason}", **told)), soft_wrap=True)
    for one in facts["unanswered_latest"][:MOST_PRINTED]:
        told = {"message": one["id"], "name": one["bundle"], "reason": say.translated(one["reason"])}
        console.print(Text("! " + say("no answer of {name} to {message}: {reason}", **told)), soft_wrap=True)


def _placed(one: dict[str, Any]) -> str:
    """Give a reason that names its place, without the digest that tells pieces of one place apart."""
    place, reason = one["place"].rpartition(" [")[0] or one["place"], one["reason"]
    return reason if place in reason else f"{place}: {reason}"


def _time(text: str | None) -> str:
    return "–" if text is None else f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"
