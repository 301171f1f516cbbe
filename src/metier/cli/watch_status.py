"""`metier watch status`: what a store holds, and how far each source is read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from metier.cli.console import answer_console, count, figures_table, print_json, print_whole
from metier.cli.speech import spoken
from metier.cli.watch_options import command, settings_argument
from metier.monitoring.opening import existing_store
from metier.monitoring.series import SECONDS
from metier.monitoring.store.batches import VERSIONS
from metier.monitoring.store.watch_store import WatchStore
from metier.monitoring.watch_settings import WatchSettings, read_watch_settings


@command("status", example="status watch.yaml")
@settings_argument
def status(*, settings: Path, as_json: bool, lang: str | None) -> None:
    """Say what is stored, and how far sources are read."""
    told = read_watch_settings(settings)
    store = existing_store(told)
    try:
        facts = _facts(store, told)
    finally:
        store.close()
    print_json(facts) if as_json else _print(facts)


def _facts(store: WatchStore, settings: WatchSettings) -> dict[str, Any]:
    closed = store.last_closed()
    judged = None if closed is None else datetime.fromtimestamp((closed + 1) * SECONDS[settings.period], UTC)
    return {
        **store.figures(),
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


def _print(facts: dict[str, Any]) -> None:
    console, say = answer_console(), spoken()
    figures = {name: count(facts[name]) for name in ("messages", "copies", "late", "refused", "unanswered")}
    line = say(
        "{messages} message(s|): {copies} nearly said before, {late} late; {refused} refused, {unanswered} "
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


def _time(text: str | None) -> str:
    return "–" if text is None else f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC"
