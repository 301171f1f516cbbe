"""How the command line shows things: answers on stdout, progress on stderr, numbers with their units.

rich leaves colours out where `NO_COLOR` is set or there is no terminal, measures Chinese text by its width, and takes
80 columns where there is no terminal.
"""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as LiveLines
from rich.table import Column

from metier.progress import Progress

FIRST_LINE_SECONDS = 2.0  # The longest time without a line of progress.
LINE_SECONDS = 10.0
STALE_SECONDS = 5.0
SHORT_SECONDS = 0.5  # A step this short has no duration worth a word.


def answer_console() -> Console:
    """The console of the answer: stdout."""
    return Console(file=sys.stdout, highlight=False)


def progress_console() -> Console:
    """The console of progress and guesses: stderr."""
    return Console(file=sys.stderr, highlight=False)


def print_json(facts: Any) -> None:
    """Print facts for programs: one object on one line of stdout."""
    print(json.dumps(facts, ensure_ascii=False), flush=True)


def percentage(value: float, low: float | None = None, high: float | None = None, *, digits: int = 1) -> str:
    """Write a share from 0 to 1, with its interval where there is one: `93.9 % [93.0, 94.7]`."""
    written = f"{100 * value:.{digits}f} %"
    if low is None or high is None:
        return written
    return f"{written} [{100 * low:.{digits}f}, {100 * high:.{digits}f}]"


def milliseconds(value: float) -> str:
    """Write a latency given in milliseconds: `0.3 ms`, `12 ms`, `0.04 ms`."""
    return f"{_significant(value)} ms"


def size(size_bytes: float) -> str:
    """Write a size: `812 B`, `1.5 KB`, `23 MB`, `4.2 GB`."""
    for unit in ("B", "KB", "MB", "GB"):
        if size_bytes < 999.5 or unit == "GB":
            break
        size_bytes /= 1000
    return f"{_significant(size_bytes) if unit != 'B' else int(size_bytes)} {unit}"


def count(number: float) -> str:
    """Write a count: `1,200`."""
    return f"{round(number):,}"


def duration(seconds: float) -> str:
    """Write a duration: `0.3 s`, `12 s`, `6 min`, `1 min 30 s`, `2 h 05 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60:02d} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _significant(value: float) -> str:
    """Two digits below ten, whole numbers from there on: more would claim what was not measured."""
    if value >= 9.95:
        return f"{round(value):,}"
    return f"{value:.1f}" if value >= 0.095 else f"{value:.2g}"


def _facts(facts: Mapping[str, float]) -> str:
    # What a choice goes by says again, with its sign turned, what stands beside it under its own name.
    named = {name: value for name, value in facts.items() if not name.endswith(("_score", "_score_error"))}
    has_others = any(name.startswith("validation_") for name in named)
    return " · ".join(_fact(name, value) for name, value in (named if has_others else facts).items())


def _fact(name: str, value: float) -> str:
    words = name.replace("_", " ")
    if name.endswith("_per_second"):
        return f"{count(value)} {words.removesuffix(' per second')}/s"
    if name.endswith(("accuracy", "f1", "fraction")):
        return f"{words.removesuffix(' fraction')} {percentage(value)}"
    if name.endswith("_ms"):
        return f"{words.removesuffix(' ms')} {milliseconds(value)}"
    if name == "minutes_left":
        return f"{duration(60 * value)} of its time left"
    return f"{words} {value:,}" if isinstance(value, int) else f"{words} {value:.3g}"


@dataclass
class _Step:
    """What is remembered of a step between two moments of it."""

    begun: float  # On the monotonic clock, in seconds, as the next two.
    first_done: float
    touched: float
    printed: float
    progress: Progress
    task: TaskID | None = None
    is_shown: bool = False  # As a plain line.


class ProgressLines:
    """Draw progress on stderr: give what `with` gives to a step as its listener.

    On a terminal each step has one live line, which stays as a plain one when the step ends. Elsewhere a plain
    line is written within two seconds, then every ten seconds and at the end.
    """

    def __init__(self, console: Console | None = None):
        self._console = console or progress_console()
        self._steps: dict[str, _Step] = {}
        self._last_line = float("-inf")
        self._live: LiveLines | None = None
        if self._console.is_terminal:
            # Of 80 columns 30 name the step and 12 are its bar; the rest shows how far it is.
            name = Column(no_wrap=True, overflow="ellipsis", width=30)
            state = Column(no_wrap=True, overflow="ellipsis", ratio=1)
            self._live = LiveLines(
                TextColumn("{task.description}", table_column=name),
                BarColumn(bar_width=12),
                TextColumn("{task.fields[state]}", table_column=state),
                console=self._console,
                transient=True,
                expand=True,
            )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        for what in list(self._steps):
            self._end(what)
        if self._live:
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Show one moment of a step."""
        now = time.monotonic()
        step = self._steps.get(progress.what)
        if step is None or progress.done < step.progress.done:
            step = self._begin(progress, now)
        step.progress, step.touched = progress, now
        if progress.total is not None and progress.done >= progress.total:
            self._end(progress.what)
        elif self._live and step.task is not None:
            state = self._state(step, now)
            self._live.update(step.task, completed=progress.done, total=progress.total, state=state)
        elif now - step.printed >= LINE_SECONDS or now - self._last_line >= LINE_SECONDS:
            self._print(step, now)
        self._end_stale(now)

    def _begin(self, progress: Progress, now: float) -> _Step:
        earlier = self._steps.pop(progress.what, None)
        task = earlier.task if earlier else None
        if self._live and task is None:
            task = self._live.add_task(progress.what, total=progress.total, state="")
        # The first line of a step comes two seconds after its start, so that short steps have one line each.
        due = now - LINE_SECONDS + FIRST_LINE_SECONDS
        step = _Step(now, progress.done, now, due, progress, task)
        self._steps[progress.what] = step
        return step

    def _end_stale(self, now: float) -> None:
        # A step that stopped early does not report its end; it has ended when another has been moving for a while.
        for what in [what for what, step in self._steps.items() if now - step.touched > STALE_SECONDS]:
            self._end(what)

    def _end(self, what: str) -> None:
        step = self._steps.pop(what)
        if self._live and step.task is not None:
            self._live.remove_task(step.task)
        self._print(step, step.touched, ended=True)

    def _print(self, step: _Step, now: float, *, ended: bool = False) -> None:
        state = self._state(step, now, ended=ended)
        if ended and not state and step.is_shown:
            return  # It would be the same line again.
        step.printed = self._last_line = now
        step.is_shown = True
        self._console.print(f"{step.progress.what}  {state}".rstrip(), markup=False, soft_wrap=True)

    def _state(self, step: _Step, now: float, *, ended: bool = False) -> str:
        progress, spent = step.progress, now - step.begun
        parts = []
        if progress.unit and (progress.done or progress.total):  # A step without a measure only has a name.
            of = f"/{count(progress.total)}" if progress.total and progress.done < progress.total else ""
            parts.append(f"{count(progress.done)}{of} {progress.unit}")
        if ended and spent < SHORT_SECONDS:
            pass
        elif ended:
            parts.append(f"in {duration(spent)}")
        elif progress.total is not None and progress.done > step.first_done and spent > 1:
            rate = (progress.done - step.first_done) / spent
            parts.append(f"{duration((progress.total - progress.done) / rate)} left")
        if progress.facts:
            parts.append(_facts(progress.facts))
        return " · ".join(parts)
