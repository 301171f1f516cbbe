"""Time that was given, and time that is left."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from metier.errors import CallError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


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
        Seconds by what they were spent on.
    """

    budget_seconds: float
    spent_seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)
    _start: float = field(default_factory=time.monotonic, repr=False)

    @property
    def elapsed_seconds(self) -> float:
        """Seconds spent, those before an interruption included."""
        return self.spent_seconds + time.monotonic() - self._start

    @property
    def left_seconds(self) -> float:
        """Seconds left; negative when the budget is overdrawn."""
        return self.budget_seconds - self.elapsed_seconds

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the seconds of what is done within, under a name; an interruption counts too."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + time.monotonic() - start
