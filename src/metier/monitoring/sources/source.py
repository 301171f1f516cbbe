"""What a source of messages keeps: batches after a position, at least once each."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from metier.monitoring.messages import Batch, Position


@runtime_checkable
class Source(Protocol):
    """Where messages come from. Nothing need inherit from this.

    The watch stores a batch and its position in one transaction and acknowledges it then. What was read and not stored
    comes again; the store knows a message by its source and id, so it is stored once.
    """

    name: str

    def read(self, position: Position | None) -> Iterator[Batch]:
        """Give what comes after a position, in batches of bounded size; ends where there is nothing new for now.

        Parameters
        ----------
        position : JSON value or None
            As the last stored batch had it; None: from the beginning.

        Raises
        ------
        SourceError
            If the source cannot be reached or read; the watch says so, goes on with the others and tries again.
        """
        ...

    def acknowledge(self, position: Position) -> None:
        """Be told that everything up to a position is stored."""
        ...

    def close(self) -> None:
        """Give back connections and files."""
        ...
