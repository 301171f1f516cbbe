"""Progress in a notebook, and as plain lines where there is none."""

import contextlib
import html
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from metier.printable import printable
from metier.progress import Listener, ignore
from metier.progress_lines import ProgressLines, Step, drawn_lines


def in_notebook() -> bool:
    """Whether this process answers the cells of a notebook; IPython is looked for, never imported."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


def show_progress() -> ProgressLines:
    """Give a listener that shows progress: in the cell of a notebook, else as plain lines on stderr.

    It may be left with `with`, which says the last line of a step that stopped early:
    `with metier.show_progress() as listener: metier.train(rows, listener=listener)`.
    """
    return ProgressLines(CellDisplay() if in_notebook() else LineDisplay())


@contextlib.contextmanager
def shown_in_notebook(listener: Listener | None) -> Iterator[Listener]:
    """Give the listener that was handed over; without one a notebook shows progress, and a script nothing."""
    if listener is not None or not in_notebook():
        yield listener or ignore
        return
    with show_progress() as shown:
        yield shown


class LineDisplay:
    """Plain lines on stderr."""

    is_live = False

    def say(self, line: str) -> None:
        """Write a line."""
        sys.stderr.write(f"{printable(line)}\n")
        sys.stderr.flush()

    def draw(self, steps: Mapping[str, Step], now: float) -> None:
        """Nothing is drawn again."""


class CellDisplay:
    """One output of a cell, which is drawn again: the lines that stay, then the steps that are going on."""

    is_live = True

    def __init__(self) -> None:
        self._display: Any = sys.modules["IPython"].display
        self._lines: list[str] = []
        self._handle: Any = None
        self._shown = ""

    def say(self, line: str) -> None:
        """Keep a line; it is shown with the next drawing."""
        self._lines.append(line)

    def draw(self, steps: Mapping[str, Step], now: float) -> None:
        """Draw all lines again, where one of them changed."""
        text = "\n".join([*self._lines, *drawn_lines(steps, now)])
        if text == self._shown:
            return
        self._shown = text
        page = self._display.HTML(f"<pre>{html.escape(text)}</pre>")
        if self._handle is None:
            self._handle = self._display.display(page, display_id=True)
        else:
            self._handle.update(page)
