"""How the command line shows things: answers on stdout, progress on stderr, numbers with their units.

rich leaves colours out where `NO_COLOR` is set or there is no terminal, and measures Chinese text by its width. Where
there is no terminal a line is as long as it has to be: what reads a pipe wants the whole of it.

All that a command prints goes through here, so that no label, text or name of a file acts on the terminal: see
`metier.printable`. Rows that are written to stdout are a file, and stay as they are.
"""

import sys
from collections.abc import Iterable, Mapping
from typing import Self

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as LiveLines
from rich.segment import Segment
from rich.table import Column, Table

from metier.cli.printing import print_json, print_line
from metier.cli.speech import spoken
from metier.figures import count, duration, milliseconds, percentage, size
from metier.printable import printable
from metier.progress import Progress
from metier.progress_lines import ProgressLines as Lines
from metier.progress_lines import Step

__all__ = [
    "ProgressLines",
    "answer_console",
    "count",
    "duration",
    "figures_table",
    "milliseconds",
    "percentage",
    "print_json",
    "print_line",
    "print_whole",
    "progress_console",
    "size",
]

PIPE_WIDTH = 10_000  # Characters of a line where there is no terminal; no table is wider.
NARROW = 100  # Columns of a terminal; with fewer the bar is short.


class SafeConsole(Console):
    """A console whose own escape sequences are the only ones that reach the terminal."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Give the pieces of what is printed, the texts of others made printable."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(printable(piece.text), piece.style)


def answer_console() -> Console:
    """The console of the answer: stdout."""
    return _whole_lines(SafeConsole(file=sys.stdout, highlight=False))


def progress_console() -> Console:
    """The console of progress and guesses: stderr."""
    return _whole_lines(SafeConsole(file=sys.stderr, highlight=False))


def _whole_lines(console: Console) -> Console:
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def figures_table(*heads: str, left: int = 1) -> Table:
    """A table of figures: the first columns stand left, the others right, and no cell is cut."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for place, name in enumerate(heads):
        table.add_column(name, justify="left" if place < left else "right", no_wrap=True)
    return table


def print_whole(console: Console, table: Table) -> None:
    """Print a table of figures: a number that is cut says nothing, so rather a line that is too long."""
    whole = console.measure(table, options=console.options.update(max_width=PIPE_WIDTH)).maximum
    console.width = max(console.width, whole)
    console.print(table)


class ConsoleDisplay:
    """A console: a terminal has one live line a step, anything else plain lines."""

    def __init__(self, console: Console):
        self._console = console
        self._tasks: dict[str, TaskID] = {}
        self._live: LiveLines | None = None
        if console.is_terminal:
            self._live = LiveLines(
                TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis")),
                BarColumn(bar_width=8 if console.width < NARROW else 12),
                TextColumn(
                    "{task.fields[state]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)
                ),
                console=console,
                transient=True,
                expand=True,
            )

    @property
    def is_live(self) -> bool:
        """Whether it is a terminal."""
        return self._live is not None

    def say(self, line: str) -> None:
        """Print a line that stays."""
        self._console.print(line, markup=False, soft_wrap=True)

    def draw(self, steps: Mapping[str, Step], now: float) -> None:
        """Draw one line a step; those that have ended leave."""
        assert self._live is not None
        for what in [what for what in self._tasks if what not in steps]:
            self._live.remove_task(self._tasks.pop(what))
        for what, step in steps.items():
            if what not in self._tasks:
                self._tasks[what] = self._live.add_task(step.name, total=None, state="")
            done, total = step.progress.done, step.progress.total
            self._live.update(self._tasks[what], completed=done, total=total, state=step.state(now))

    def start(self) -> None:
        """Begin to draw."""
        if self._live:
            self._live.start()

    def stop(self) -> None:
        """Leave what was said, and nothing of what was drawn."""
        if self._live:
            self._live.stop()


class ProgressLines:
    """Draw progress on stderr: give what `with` gives to a step as its listener."""

    def __init__(self, console: Console | None = None):
        self._display = ConsoleDisplay(console or progress_console())
        self._lines = Lines(self._display, spoken().told)

    def __enter__(self) -> Self:
        self._display.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._lines.close()
        self._display.stop()

    def __call__(self, progress: Progress) -> None:
        """Show one moment of a step."""
        self._lines(progress)
