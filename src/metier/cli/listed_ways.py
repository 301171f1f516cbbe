"""`metier methods --ways`: which ways of learning each task takes, and why not the others."""

from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from metier.cli.console import answer_console, print_json
from metier.cli.speech import spoken, with_language
from metier.selection.ways_of_learning import WayOnTask, every_way, ways_of
from metier.tasks.ways import WAYS


def show_ways(task: str | None, *, as_json: bool) -> None:
    """Show the ways of one task with their reasons, or those of all tasks in short.

    Raises
    ------
    UnknownNameError
        If no task has that name.
    """
    found = every_way() if task is None else ways_of(task)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    console, say = answer_console(), spoken()
    console.print(_of_all(found) if task is None else _of_one(found))
    if task is None:
        each = with_language("metier methods --ways --task NAME")
        console.print(
            Text(say("next: {command} for the methods of a task, and why not", command=each)), soft_wrap=True
        )


def _of_one(found: Sequence[WayOnTask]) -> Table:
    say = spoken()
    table = _empty(say("way of learning"), say("methods, or why not"), say("asked for by"))
    for one in found:
        takes = say.listed(one.takes) or say("none: {reason}", reason=say.translated(one.why_not or ""))
        table.add_row(Text(say.translated(WAYS[one.way].title)), Text(takes), Text(WAYS[one.way].asked_by))
    return table


def _of_all(found: Sequence[WayOnTask]) -> Table:
    say = spoken()
    table = _empty(say("way of learning"), say("tasks that take it"), say("tasks that do not"))
    for way, stated in WAYS.items():
        own = [one for one in found if one.way == way]
        able, unable = (
            say.listed(one.task for one in own if bool(one.takes) is takes) or "–" for takes in (True, False)
        )
        table.add_row(Text(say.translated(stated.title)), Text(able), Text(unable))
    return table


def _empty(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
