"""`metier watch run`: sources read, messages stored, periods judged, people told."""

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from prometheus_client import CollectorRegistry
from rich.text import Text

from metier.cli.console import ProgressLines, answer_console, count, print_json, progress_console
from metier.cli.speech import spoken, with_language
from metier.cli.watch_options import command, settings_argument, shown_store
from metier.errors import MetierError
from metier.monitoring.findings import Finding
from metier.monitoring.intake import Taken
from metier.monitoring.opening import opened_watch
from metier.monitoring.store.reading import moment
from metier.monitoring.turns import Turn
from metier.monitoring.watch_metrics import WatchMetrics, show_metrics
from metier.monitoring.watch_settings import read_watch_settings
from metier.monitoring.watching import Observer, Totals
from metier.report.words import Words

TOLD_SECONDS = 2.0  # Between two lines of progress.


@command("run", example="run watch.yaml --once")
@settings_argument
@click.option("--once", is_flag=True, help="Read every source to its end, then stop.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Port for metrics at /metrics; 0 takes a free one."
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address for the metrics."
)
def run(*, settings: Path, once: bool, port: int | None, host: str, as_json: bool, lang: str | None) -> None:
    """Read, store, answer and judge messages.

    Sources are read in turn, and each period is judged when it is over.

    Each batch is stored with its position in one transaction: whatever stops the watch, it goes on where it was, and no
    message is lost or stored twice. SIGTERM or Ctrl-C ends it after the batch that is being stored.

    Exit code 1 where with --once a source could not be read.
    """
    told = read_watch_settings(settings)
    registry, say = CollectorRegistry(), spoken()
    observers: list[Observer] = [Lines(say), WatchMetrics(registry)]
    with (
        _stopping() as stop,
        ProgressLines() as listener,
        opened_watch(told, observers=observers, registry=registry, listener=listener) as watch,
    ):
        _tell(say("watching; store: {store}", store=shown_store(told.store)))
        if port is not None:
            _tell(say("metrics: {url}", url=show_metrics(registry, host=host, port=port)))
        totals = watch.run_once(stop) if once else watch.run(stop)
    print_json(asdict(totals)) if as_json else _print(totals, settings)
    if once and totals.faults:
        raise click.exceptions.Exit(1)


class Lines:
    """Says on stderr how the watch does.

    Parameters
    ----------
    say : Words
    """

    def __init__(self, say: Words):
        self._say = say
        self._totals, self._told = Totals(), time.monotonic()

    def took(self, source: str, taken: Taken, turn: Turn, now: datetime) -> None:
        """Say now and then how many messages there were."""
        self._totals.add(taken)
        if time.monotonic() - self._told >= TOLD_SECONDS:
            self._told = time.monotonic()
            say, n = self._say, count(self._totals.messages)
            _tell(say("{n} messages stored; {source} at {at}", n=n, source=source, at=_at(turn)))

    def failed(self, what: str, error: MetierError) -> None:
        """Say why a source or the store cannot be used."""
        _tell(f"! {what}: {self._say.translated(str(error))}")

    def judged(self, period: int, findings: Sequence[Finding]) -> None:
        """Say what was found."""
        for one in findings:
            _tell(f"! {self._say.translated(one.sentence)}")


def _tell(line: str) -> None:
    progress_console().print(Text(line), soft_wrap=True)


def _at(turn: Turn) -> str:
    return "–" if turn.latest is None else f"{moment(turn.latest):%Y-%m-%d %H:%M}"


def _print(totals: Totals, settings: Path) -> None:
    console, say = answer_console(), spoken()
    figures = {name: count(value) for name, value in asdict(totals).items() if name != "faults"}
    lines = [
        say(
            "{messages} message(s|) stored, {copies} near-duplicate(s|), {late} late; {periods} period(s|) judged, "
            "{findings} finding(s|)",
            **{name: figures[name] for name in ("messages", "copies", "late", "periods", "findings")},
        )
    ]
    if totals.known:
        lines.append(say("{n} had been stored before", n=figures["known"]))
    if totals.refused:
        lines.append(say("{n} refused, with reasons", n=figures["refused"]))
    if totals.unanswered:
        lines.append(say("{n} answer(s|) missing, with reasons", n=figures["unanswered"]))
    lines += [f"! {name}: {say.translated(fault)}" for name, fault in totals.faults.items()]
    lines.append(say("next: {command}", command=with_language(f"metier watch status {settings}")))
    for line in lines:
        console.print(Text(line), soft_wrap=True)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Give what SIGTERM and Ctrl-C set, so that the watch ends after the batch; the second one ends it at once."""
    stop = threading.Event()

    def asked(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
