"""What the forgetting gate says in the terminal: what is lost or cannot be told, and how many more rows would tell."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from metier.assurance.forgetting.judging import ALL, LABEL
from metier.assurance.verdict import CANNOT_TELL, FAIL, PASS
from metier.cli.console import count, figures_table, print_whole
from metier.cli.speech import spoken

MARKS = {PASS: ("✓", "bold blue"), FAIL: ("✗", "bold red"), CANNOT_TELL: ("?", "bold yellow")}
MOST_NAMED = 6
MOST_SHOWN = 12  # Items; --json has all.
WORST_FIRST = (FAIL, CANNOT_TELL, PASS)


def print_forgetting(facts: Mapping[str, Any], console: Console) -> None:
    """Print the verdict of all rows and of each item that does not pass, the worst first."""
    items = sorted(facts["items"], key=lambda one: (WORST_FIRST.index(one["verdict"]), one["gain"]))
    shown = [one for one in items if one["kind"] == ALL or one["verdict"] != PASS]
    shown.sort(key=lambda one: one["kind"] != ALL)
    print_whole(console, _table(shown[:MOST_SHOWN]))
    for line in _lines(facts, len(shown)):
        console.print(Text(line), soft_wrap=True)


def _table(items: list[Mapping[str, Any]]) -> Any:
    say = spoken()
    columns = (say("what"), say("verdict"), say("gain, points"), say("lost"), say("won"), say("rows"))
    table = figures_table("", *columns, left=3)
    for one in items:
        mark, style = MARKS[one["verdict"]]
        table.add_row(
            Text(mark, style=style),
            Text(_name(one)),
            Text(_verdict(one)),
            Text(
                f"{100 * one['gain']:+.1f} [{100 * one['low']:+.1f}, {100 * one['high']:+.1f}]".replace(
                    "-", "−"
                )
            ),
            count(one["lost"]),
            count(one["won"]),
            count(one["rows"]),
        )
    return table


def _name(one: Mapping[str, Any]) -> str:
    say = spoken()
    if one["kind"] == ALL:
        return say("all rows")
    return say("label {name}", name=one["name"]) if one["kind"] == LABEL else str(one["name"])


def _verdict(one: Mapping[str, Any]) -> str:
    say = spoken()
    if one["verdict"] == CANNOT_TELL and one["more_rows"] is not None:
        return say("cannot tell (needs about {n} more row(s|))", n=count(one["more_rows"]))
    return say.told(one["verdict"])


def _lines(facts: Mapping[str, Any], n_shown: int) -> list[str]:
    say, counts = spoken(), facts["counts"]
    given = {name.replace(" ", "_"): count(counts.get(name, 0)) for name in WORST_FIRST}
    lines = [
        say("forgetting: {pass} items kept, {fail} lost, {cannot_tell} where the rows cannot tell", **given)
    ]
    if n_shown > MOST_SHOWN:
        lines.append(say("… {n} more (--json has all)", n=count(n_shown - MOST_SHOWN)))
    if few := facts["not_judged"]:
        given = {"least": count(facts["settings"]["least_rows"]), "named": say.listed(few[:MOST_NAMED])}
        lines.append(say("not judged, as they have fewer than {least} rows: {named}", **given))
    for label, one in facts["new_labels"].items():
        lines.append(say("new label {label}: {right} of {rows} rows answered right", label=label, **one))
    level = f"{100 * facts['level']:g} %"
    lines.append(
        say("with {level} confidence nothing that falls by more than is tolerated has passed", level=level)
    )
    return lines


def promotion_line(facts: Mapping[str, Any]) -> str:
    """Give the line that says what an alias of the registry points to now."""
    say = spoken()
    if facts["is_promoted"]:
        return say(
            "{name}@{alias} points to version {version} now; back with: metier registry rollback {name}",
            **facts,
        )
    if facts["before"] is None:
        return say("{name}@{alias} still points to nothing", **facts)
    return say("{name}@{alias} still points to version {before}", **facts)
