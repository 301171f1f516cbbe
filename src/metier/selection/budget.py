"""Time that was given, and time that is left."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import psutil

from metier.errors import CallError
from metier.progress import Listener, Progress

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
# What ends a run besides the answers to the test rows, on a processor of its own: scores, sealing, the report.
CLOSING_SECONDS = 2.5
# A program that waits for others, or for a slow disk, is not as slow as it looks.
SLOWEST = 4.0
# What a run that is killed has not written down of its time, at most, while it reports progress.
SECONDS_BETWEEN_NOTES = 2.0

Keep = Callable[[Mapping[str, Any]], None]
_is_own_process: ContextVar[bool] = ContextVar("is_own_process", default=False)


def count_from_process_start() -> None:
    """Let the run that this process was started for begin with the process: loading the program takes time, too."""
    _is_own_process.set(True)


def seconds_since_process_start() -> float:
    """Give the seconds that a run has taken before it began; 0 where the process is not its own.

    They are given once: the time of a further run in the process begins where that of the run before it ended.
    """
    if not _is_own_process.get():
        return 0.0
    _is_own_process.set(False)
    return max(0.0, time.time() - psutil.Process().create_time())


def parse_duration(text: str) -> float:
    """Read a duration as `10m`, `90s`, `1h`, `1h30m` or plain minutes; gives seconds.

    Raises
    ------
    CallError
        If it is none of these, or not positive.
    """
    compact = text.strip().lower().replace(" ", "")
    if re.fullmatch(r"\d+(\.\d+)?", compact):
        compact += "m"
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", compact)
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != compact or seconds <= 0:
        raise CallError(
            f"A budget is a duration such as 10m, 90s or 1h30m; found {text!r}. Give one with --budget."
        )
    return seconds


@dataclass
class Clock:
    """Time since a run began, against the time it was given.

    Parameters
    ----------
    budget_seconds : float
        What was given.
    spent_seconds : float, default=0
        What an interrupted run had already spent.
    phases : dict of str to float
        Seconds by what they were spent on, of what is over.
    keep : callable, optional
        Writes `facts` down, for a run that goes on with them should this one be interrupted.
    """

    budget_seconds: float
    spent_seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)
    keep: Keep | None = None
    _start: float = field(init=False, repr=False)
    _open: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    _kept: float = field(init=False, repr=False)
    _computing: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._start = self._kept = time.monotonic()
        self._computing = time.process_time()

    @property
    def elapsed_seconds(self) -> float:
        """Seconds spent, those before an interruption included."""
        return self.spent_seconds + time.monotonic() - self._start

    @property
    def left_seconds(self) -> float:
        """Seconds left; negative when the budget is overdrawn."""
        return self.budget_seconds - self.elapsed_seconds

    @property
    def slowdown(self) -> float:
        """How many seconds one of computing takes here: 1 on a processor of its own, more beside busy neighbours."""
        computing = time.process_time() - self._computing
        return min(SLOWEST, max(1.0, (time.monotonic() - self._start) / computing)) if computing > 1 else 1.0

    @property
    def closing_seconds(self) -> float:
        """Seconds that the end of the run takes besides the answers to the test rows."""
        return CLOSING_SECONDS * self.slowdown

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the seconds of what is done within, under a name; an interruption counts too."""
        self._open[name] = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + time.monotonic() - self._open.pop(name)
            self._note()

    def facts(self) -> dict[str, Any]:
        """What a run that goes on with this one has to know: the seconds spent, and on what, by now."""
        now, phases = time.monotonic(), dict(self.phases)
        for name, start in self._open.items():
            phases[name] = phases.get(name, 0.0) + now - start
        return {"spent_seconds": self.elapsed_seconds, "phases": phases}

    def recall(self, facts: Mapping[str, Any]) -> None:
        """Add what an interrupted run had spent."""
        self.spent_seconds += facts["spent_seconds"]
        for name, seconds in facts["phases"].items():
            self.phases[name] = self.phases.get(name, 0.0) + seconds

    def watching(self, listener: Listener) -> Listener:
        """Give a listener during whose reports the time is written down every few seconds."""

        def noting(progress: Progress) -> None:
            if time.monotonic() - self._kept >= SECONDS_BETWEEN_NOTES:
                self._note()
            listener(progress)

        return noting

    def _note(self) -> None:
        self._kept = time.monotonic()
        if self.keep is not None:
            self.keep(self.facts())
