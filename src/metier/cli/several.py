"""What `metier train` prints of several tasks: which bundle to ship, and what training together gave each task."""

import shlex
from collections.abc import Mapping
from typing import Any

from rich.table import Table

from metier.cli import console as shown
from metier.cli.speech import spoken, with_language
from metier.report.several_page import task_rows


def print_several(report: Mapping[str, Any], *, language: str = "en") -> None:
    """Print the recommended bundle, a table of the tasks, and what to do next."""
    console, say = shown.answer_console(), spoken(language)
    console.print(say("ship   {name}", name=report["recommended"]), style="bold")
    console.print(f"       {say.told(report['sentence'])}", markup=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    heads = ("task", "metric", "together", "alone", "difference", "p")
    for head in heads:
        table.add_column(say(head), no_wrap=True)
    for task in report["tasks"]:
        for row in task_rows(task, say):
            table.add_row(*(row[key] for key in ("task", "metric", "together", "alone", "difference", "p")))
    shown.print_whole(console, table)
    run = report["run"]
    for line in (
        say("report {run}/report.html", run=run),
        say("next:  {command}", command=with_language(f"metier serve {shlex.quote(run)}")),
    ):
        console.print(line, markup=False, soft_wrap=True)
