"""The lines of a file that cannot be read, collected so that one error reports all of them."""

from dataclasses import dataclass, field

from metier.errors import BrokenRowError

MOST_SHOWN = 5


@dataclass
class LineFaults:
    """Lines that cannot be read.

    Parameters
    ----------
    origin : str
        The file.
    """

    origin: str
    count: int = 0
    _first: tuple[int, str, str] | None = None
    _others: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, found: str, remedy: str) -> None:
        """Record a line, what was found there, and what to do."""
        self.count += 1
        if self._first is None:
            self._first = line, found, remedy
        elif len(self._others) < MOST_SHOWN - 1:
            self._others.append((line, found))

    def check(self) -> None:
        """Raise `BrokenRowError` if a line was recorded."""
        if self._first is not None:
            line, found, remedy = self._first
            raise BrokenRowError(self.origin, line, found, remedy=remedy, others=self._others, count=self.count)
