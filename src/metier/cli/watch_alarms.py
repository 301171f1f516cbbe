"""`metier watch alarms`: what was found, who has taken it on, what is silenced, and what could not be delivered."""

import getpass
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.text import Text
from sqlalchemy import RowMapping

from metier.cli.console import answer_console, count, figures_table, print_json, print_line, print_whole
from metier.cli.speech import spoken, with_language
from metier.cli.watch_options import command, settings_argument
from metier.errors import CallError
from metier.monitoring.alerts import StoredAlerts
from metier.monitoring.alerts.acknowledging import Listed, acknowledge, failed_deliveries, listed
from metier.monitoring.alerts.outbox import DEAD, send_again, tally
from metier.monitoring.alerts.silencing import Silence, add_silence, matches_of, seconds_of, silences_since
from metier.monitoring.opening import existing_store
from metier.monitoring.store.watch_store import WatchStore
from metier.monitoring.watch_settings import WatchSettings, read_watch_settings

MOST_FAILED = 10  # Deliveries whose reason is printed.


@command("alarms", example="alarms watch.yaml --acknowledge 3 --by Ana --comment 'carrier strike'")
@settings_argument
@click.option("--all", "with_ended", is_flag=True, help="Also alarms that are over.")
@click.option("--acknowledge", "number", type=int, metavar="N", help="Say that somebody has taken alarm N on.")
@click.option("--comment", default="", metavar="TEXT", help="With --acknowledge: what is known or done.")
@click.option(
    "--silence",
    multiple=True,
    metavar="NAME=VALUE",
    help="Send no alarms whose series or kind match all of these.",
)
@click.option("--for", "length", metavar="TIME", help="With --silence: how long, such as 4h or 2d.")
@click.option("--why", default="", metavar="TEXT", help="With --silence: the reason, kept with it.")
@click.option("--by", "who", metavar="WHO", help="Who acknowledges or silences. Default: the user's name.")
@click.option("--resend", is_flag=True, help="Send again what could not be delivered, at once.")
def alarms(
    *,
    settings: Path,
    with_ended: bool,
    number: int | None,
    comment: str,
    silence: Sequence[str],
    length: str | None,
    why: str,
    who: str | None,
    resend: bool,
    as_json: bool,
    lang: str | None,
) -> None:
    """List alarms; acknowledge, silence or send them again.

    An alarm that was acknowledged is not repeated, and its end is still sent. A silence keeps alarms from being sent, not
    from being listed; those that still go on when it ends are sent then.
    """
    if bool(silence) != (length is not None):
        raise CallError("--silence and --for belong together, such as --silence company=Acme --for 2d.")
    told, now = read_watch_settings(settings), time.time()
    store = existing_store(told)
    try:
        by = who or (getpass.getuser() if number is not None or silence else "")
        with store.writing() as connection:
            if number is not None:
                acknowledge(connection, number, by=by, comment=comment, now=now)
            if silence and length is not None:
                matches, seconds = matches_of(silence), seconds_of(length)
                add_silence(connection, matches, now=now, seconds=seconds, who=by, why=why)
        sent = _resend(store, told, now) if resend else None
        facts = _facts(store, now, with_ended=with_ended)
    finally:
        store.close()
    if as_json:
        print_json(_plain(facts) | ({} if sent is None else {"sent_again": sent}))
    else:
        _print(facts, sent, settings)
        if not facts["alarms"] and facts["over"]:
            _print_next(f"metier watch alarms {settings} --all")
        elif facts["alarms"]:
            _print_next(f"metier watch brief {settings}")


def _print_next(command: str) -> None:
    print_line(spoken()("next: {command}", command=with_language(command)))


def _resend(store: WatchStore, settings: WatchSettings, now: float) -> dict[str, int]:
    """Send dead letters again; gives how many there were, and how many are left."""
    with store.writing() as connection:
        n = send_again(connection, now)
    sender = StoredAlerts(settings.alerts)
    sender.deliver(store, now)
    with store.reading() as connection:
        left = len(failed_deliveries(connection))
    return {"tried": n, "failed": left}


def _facts(store: WatchStore, now: float, *, with_ended: bool) -> dict[str, Any]:
    with store.reading() as connection:
        both = listed(connection, now, with_ended=True)
        going_on = listed(connection, now)
        return {
            "alarms": both if with_ended else going_on,
            "over": sum(one.told.ended is not None for one in both),
            "silences": [one for one in silences_since(connection, now) if one.starts <= now],
            "failed": failed_deliveries(connection),
            "deliveries": tally(connection),
        }


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "alarms": [_plain_alarm(one) for one in facts["alarms"]],
        "silences": [vars(one) for one in facts["silences"]],
        "failed": [
            {name: row[name] for name in ("number", "receiver", "findings", "status", "attempts", "error")}
            for row in facts["failed"]
        ],
        "deliveries": facts["deliveries"],
    }


def _plain_alarm(one: Listed) -> dict[str, Any]:
    told = one.told
    moments = {
        "since": told.since,
        "raised": told.raised,
        "ended": told.ended,
        "acknowledged": one.acknowledged,
    }
    moments["silenced_until"] = one.silenced_until
    return {
        "number": told.number,
        "fingerprint": told.fingerprint,
        "kind": told.kind,
        "series": dict(told.series),
        "severity": told.severity,
        "sentence": told.sentence,
        **{name: None if at is None else at.isoformat() for name, at in moments.items()},
        "acknowledged_by": one.by or None,
        "comment": one.comment or None,
        "undelivered": list(one.undelivered),
        "facts": dict(told.facts),
    }


def _print(facts: dict[str, Any], sent: dict[str, int] | None, settings: Path) -> None:
    say, console = spoken(), answer_console()
    found: list[Listed] = facts["alarms"]
    if sent is not None:
        print_line(
            say("{n} sent again, {failed} not delivered", n=count(sent["tried"]), failed=count(sent["failed"]))
        )
    if found:
        print_line(say("{n} alarm(s|)", n=count(len(found))))
    elif facts["over"]:
        print_line(say("no alarm goes on; over: {n}", n=count(facts["over"])))
    else:
        print_line(say("no alarm"))
    if found:
        table = figures_table("#", say("raised"), say("severity"), say("what was found"), say("state"), left=4)
        severities = {"info": say("note"), "warning": say("warning"), "critical": say("critical")}
        for one in found:
            severity = severities.get(one.told.severity, one.told.severity)
            cells = (_at(one.told.raised), severity, say.translated(one.told.sentence), _state(one))
            table.add_row(count(one.told.number), *map(Text, cells))
        print_whole(console, table)
    for silence in facts["silences"]:
        print_line(_silence_line(silence))
    for row in facts["failed"][:MOST_FAILED]:
        print_line(_failed_line(row))
    if any(row["status"] == DEAD for row in facts["failed"]):
        _print_next(f"metier watch alarms {settings} --resend")


def _state(one: Listed) -> str:
    say = spoken()
    parts = [say("goes on") if one.told.ended is None else say("over since {when}", when=_at(one.told.ended))]
    if one.acknowledged is not None:
        comment = f": {one.comment}" if one.comment else ""
        parts.append(say("acknowledged by {who}{comment}", who=one.by, comment=comment))
    if one.silenced_until is not None:
        parts.append(say("silenced until {when}", when=_at(one.silenced_until)))
    if one.undelivered:
        parts.append(say("not delivered to {names}", names=say.listed(one.undelivered)))
    return say.listed(parts)


def _silence_line(silence: Silence) -> str:
    what = " ".join(f"{name}={value}" for name, value in silence.matches.items())
    ends = _at(datetime.fromtimestamp(silence.ends))
    line = spoken()("silenced until {when}: {what}, by {who}", when=ends, what=what, who=silence.who)
    return f"{line} ({silence.why})" if silence.why else line


def _failed_line(row: RowMapping) -> str:
    say = spoken()
    given = {
        "receiver": row["receiver"],
        "n": count(row["attempts"]),
        "error": say.translated(row["error"] or "–"),
    }
    if row["status"] == DEAD:
        return say("! {receiver}: set aside after {n} tries: {error}", **given)
    return say("! {receiver}: failed {n} times, is tried again: {error}", **given)


def _at(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
