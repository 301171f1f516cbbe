"""Progress as lines: which steps are going on, what is said of each, and when it is said.

A `Display` shows them: a terminal and a notebook draw the steps that are going on, and a step that has ended
leaves; a pipe gets plain lines, the first within two seconds, then every ten seconds, and one at the end.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from metier.figures import count, duration, milliseconds, percentage
from metier.progress import Progress

FIRST_LINE_SECONDS = 2.0  # The longest time without a line of progress.
LINE_SECONDS = 10.0
STALE_SECONDS = 5.0
SHORT_SECONDS = 0.5  # A step this short has no duration worth a word.


@dataclass
class Step:
    """What is remembered of a step between two moments of it; times are of the monotonic clock, in seconds.

    Parameters
    ----------
    progress : Progress
        Its latest moment.
    begun, touched, printed : float
        When it began, moved last, and had its last line.
    first_done : float
        How far it was when it began.
    word : callable
        Says what it is given in the language of the reader.
    shown : str or None
        The last line of it; None before the first.
    """

    progress: Progress
    begun: float
    touched: float
    printed: float
    first_done: float
    word: Callable[[str], str] = str
    shown: str | None = None

    @property
    def name(self) -> str:
        """What it is."""
        return self.word(self.progress.what)

    @property
    def is_over(self) -> bool:
        """Whether all of it is done; a further moment may still tell how well."""
        return self.progress.total is not None and self.progress.done >= self.progress.total

    @property
    def has_measure(self) -> bool:
        """Whether it says how far it is; else it only has a name."""
        return bool(self.progress.unit and (self.progress.done or self.progress.total))

    def line(self, now: float, *, ended: bool = False) -> str:
        """Give its name and its state."""
        return f"{self.name}  {self.state(now, ended=ended)}".rstrip()

    def state(self, now: float, *, ended: bool = False) -> str:
        """Say how far it is, how long it still takes or took, and what else is known."""
        parts = [self._done()] if self.has_measure else []
        left = None if ended or self.is_over else self._seconds_left(now)
        if ended and now - self.begun >= SHORT_SECONDS:
            parts.append(f"in {duration(now - self.begun)}")
        if left is not None:
            parts.append(f"{duration(left)} left")
        facts = {name: value for name, value in self.progress.facts.items() if name != "minutes_left"}
        return " · ".join(map(self.word, [*parts, *_facts(facts)]))

    def _done(self) -> str:
        done, total, unit = self.progress.done, self.progress.total, self.progress.unit
        if total and done < total:
            return f"{count(done)}/{count(total)} {unit}"
        return f"{count(done)} {unit.removesuffix('s') if round(done) == 1 else unit}"

    def _seconds_left(self, now: float) -> float | None:
        """One estimate: by its speed, or by its own clock where that ends it earlier."""
        progress, spent, found = self.progress, now - self.begun, []
        if progress.total is not None and progress.done > self.first_done and spent > 1:
            found.append((progress.total - progress.done) * spent / (progress.done - self.first_done))
        if "minutes_left" in progress.facts:
            found.append(60 * progress.facts["minutes_left"])
        return min(found, default=None)


class Display(Protocol):
    """Where lines are shown."""

    @property
    def is_live(self) -> bool:
        """Whether steps that go on are drawn again and again, and leave when they end."""
        ...

    def say(self, line: str) -> None:
        """Show a line that stays."""
        ...

    def draw(self, steps: Mapping[str, Step], now: float) -> None:
        """Draw the steps that are going on; called of a live display alone."""
        ...


class ProgressLines:
    """A listener that shows progress: give what `with` gives to a step as its listener."""

    def __init__(self, display: Display, word: Callable[[str], str] = str):
        self._display, self._word = display, word
        self._steps: dict[str, Step] = {}
        self._last_line = float("-inf")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """End what has not ended."""
        self._end_those(lambda step: True)
        self._draw(time.monotonic())

    def __call__(self, progress: Progress) -> None:
        """Show one moment of a step."""
        now = time.monotonic()
        if progress.total is not None and progress.done >= progress.total and not progress.unit:
            self._end_those(lambda step: step.is_over)
            self._say(self._word(progress.what), now)  # A sentence, and no step.
            self._draw(now)
            return
        step = self._steps.get(progress.what)
        if step is None or progress.done < step.progress.done:
            step = self._begin(progress, now)
        step.progress, step.touched = progress, now
        is_due = now - step.printed >= LINE_SECONDS or now - self._last_line >= LINE_SECONDS
        if is_due and not step.is_over and not self._display.is_live:
            self._print(step, step.line(now), now)
        # A step that stopped early does not report its end; it has ended when another has been moving for a while.
        self._end_those(lambda one: one is not step and (one.is_over or now - one.touched > STALE_SECONDS))
        self._draw(now)

    def _begin(self, progress: Progress, now: float) -> Step:
        # What only has a name ends where the next begins, and the next try of something ends the try before.
        self._end_those(lambda one: not one.has_measure or _kind(one.progress) == _kind(progress))
        # The first line of a step comes two seconds after its start, so that short steps have one line each.
        step = Step(progress, now, now, now - LINE_SECONDS + FIRST_LINE_SECONDS, progress.done, self._word)
        self._steps[progress.what] = step
        return step

    def _end_those(self, are_meant: Callable[[Step], bool]) -> None:
        for what, step in list(self._steps.items()):
            if are_meant(step):
                del self._steps[what]
                self._end(step)

    def _end(self, step: Step) -> None:
        line = step.line(step.touched, ended=True)
        if line != step.shown and not self._display.is_live:
            self._print(step, line, step.touched)

    def _print(self, step: Step, line: str, now: float) -> None:
        step.printed, step.shown = now, line
        self._say(line, now)

    def _say(self, line: str, now: float) -> None:
        self._last_line = now
        self._display.say(line)

    def _draw(self, now: float) -> None:
        if self._display.is_live:
            self._display.draw(self._steps, now)


def _kind(progress: Progress) -> tuple[str, str]:
    """What goes on, tried in one way or another: `encoder.v1` and `settings`, however the setting is called."""
    subject, colon, _ = progress.what.partition(": ")
    return (subject if colon else progress.what, progress.unit)


def _facts(facts: Mapping[str, float]) -> list[str]:
    # What a choice goes by says again, with its sign turned, what stands beside it under its own name.
    named = {name: value for name, value in facts.items() if not name.endswith(("_score", "_score_error"))}
    has_others = any("validation_" in name for name in named)
    return [_fact(name, value) for name, value in (named if has_others else facts).items()]


def _fact(name: str, value: float) -> str:
    words = name.replace("_", " ")
    if name.endswith("_per_second"):
        return f"{count(value)} {words.removesuffix(' per second')}/s"
    if name.endswith(("accuracy", "f1", "fraction")):
        return f"{words.removesuffix(' fraction')} {percentage(value)}"
    if name.endswith("_ms"):
        return f"{words.removesuffix(' ms')} {milliseconds(value)}"
    return f"{words} {value:,}" if isinstance(value, int) else f"{words} {value:.3g}"


def drawn_lines(steps: Mapping[str, Step], now: float) -> Sequence[str]:
    """Give the lines of the steps that are going on."""
    return [step.line(now) for step in steps.values()]
