"""What is wrong with single values of a column, gathered so that one error tells of all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from metier.errors import BrokenValueError

MOST_KEPT = 1_000  # Rows named in an error; all are counted.
ID_COLUMNS = ("id", "ID", "query_id", "dialogue_id")


class FaultError(Exception):
    """One value that cannot be used as it is: what was found, and what to do."""

    def __init__(self, found: str, cure: str):
        super().__init__(found)
        self.found, self.cure = found, cure


@dataclass
class Faults:
    """The faults of one column.

    Parameters
    ----------
    origin, column : str
        Where the values stand.
    repair_says : str
        What reading with repair would do about them; empty where no repair is safe.
    first_row : int
        How many rows of the source came before this table.
    """

    origin: str
    column: str
    repair_says: str = ""
    first_row: int = 0
    first: FaultError | None = None
    positions: list[int] = field(default_factory=list)
    count: int = 0

    def add(self, position: int, fault: FaultError) -> None:
        """Keep the fault of the row at a position, counted from 0."""
        self.first = self.first or fault
        self.count += 1
        if len(self.positions) < MOST_KEPT:
            self.positions.append(position)

    def check(self, table: pa.Table) -> None:
        """Raise `BrokenValueError` if there was any."""
        if self.first is None:
            return
        first = self.positions[0]
        name = next((name for name in ID_COLUMNS if name in table.column_names and name != self.column), None)
        identity = "" if name is None else f" ({name} {table.column(name)[first].as_py()})"
        repair = f" Or read it with --repair, which {self.repair_says}." if self.repair_says else ""
        raise BrokenValueError(
            self.origin,
            self.column,
            f"{self.first.found} {self.first.cure}{repair}",
            rows=[self.first_row + position + 1 for position in self.positions],
            count=self.count,
            identity=identity,
        )


def parse_each(
    values: Sequence[Any], parse: Callable[[int, Any], Any], faults: Faults
) -> tuple[list[Any], list[int]]:
    """Parse values one by one; a value that is None stays None.

    Returns
    -------
    parsed : list
        None where a value had a fault.
    broken : list of int
        Positions of the values that had one.
    """
    parsed, broken = [], []
    for position, value in enumerate(values):
        try:
            parsed.append(None if value is None else parse(position, value))
        except FaultError as fault:
            faults.add(position, fault)
            parsed.append(None)
            broken.append(position)
    return parsed, broken
