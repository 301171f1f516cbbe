"""Faults of single values of a column, collected so that one error reports all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from metier.data.formats.batches import as_string
from metier.errors import BrokenValueError, StrayTagError

MOST_KEPT = 1_000  # Row numbers kept for an error; all rows are counted.
MOST_SHOWN = 100  # Faults of one kind that are kept with their text.
ID_COLUMNS = ("id", "ID", "query_id", "dialogue_id")


class FaultError(Exception):
    """One value that cannot be used as it is: what was found, what to do, and the kind of fault.

    The kind is a clause that completes "3 rows have spans …": "that overlap".
    """

    def __init__(self, found: str, cure: str, *, kind: str = "that cannot be read"):
        super().__init__(found)
        self.found, self.cure, self.kind = found, cure, kind


def check_name(name: str) -> None:
    """Refuse the name of a file that no file can have, which the system would not even look for."""
    if "\0" in name:
        fault = "it holds a zero byte, which no name of a file does"
        raise FaultError(f"{name!r} cannot be used: {fault}.", "Correct the path, or put the file there.")


@dataclass
class FaultKind:
    """The rows of one column that have one kind of fault.

    Parameters
    ----------
    column, role : str
        The column and its role.
    kind : str
        A clause, as in `FaultError`.
    cure : str
        What to do by hand.
    rows : list of int
        Positions in the source, from 0.
    unfixable : set of int
        Rows that repair removes.
    pieces_lost : int
        How many spans or answers repair removes from the rows that it fixes.
    found : list of str
        What was found in the first rows.
    texts : list of str
        The texts of these rows.
    """

    column: str
    role: str
    kind: str
    cure: str
    rows: list[int] = field(default_factory=list)
    unfixable: set[int] = field(default_factory=set)
    pieces_lost: int = 0
    found: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


@dataclass
class FaultLog:
    """Every fault found while reading, for callers that want all of them instead of an error at the first.

    Rows are then read as with repair; rows that cannot be fixed are removed.

    Parameters
    ----------
    kinds : list of FaultKind
    kept : ndarray of int64 or None
        Positions in the source of the rows that stay; None: all stay.
    refused : list of (column, message)
        Faults of a column as a whole.
    stray : StrayTagError or None
        The I- tags of a CoNLL file without a B- before them.
    """

    kinds: list[FaultKind] = field(default_factory=list)
    kept: np.ndarray | None = None
    refused: list[tuple[str, str]] = field(default_factory=list)
    stray: StrayTagError | None = None

    @property
    def has_faults(self) -> bool:
        """Whether a fault was found."""
        return bool(self.kinds or self.refused or self.stray)

    def note(self, faults: "Faults", role: str, values: Sequence[Any], lost: Mapping[int, int | None]) -> None:
        """Record the faults of a column.

        Parameters
        ----------
        values : sequence
            The texts shown with the faults.
        lost : mapping of int to int or None
            For each faulty row the number of items that repair removes; None where it removes the row.
        """
        by_kind: dict[str, FaultKind] = {}
        for position, fault in faults.each:
            one = by_kind.setdefault(fault.kind, FaultKind(faults.column, role, fault.kind, fault.cure))
            row = self.source_row(position)
            one.rows.append(row)
            pieces = lost[position]
            if pieces is None:
                one.unfixable.add(row)
            one.pieces_lost += pieces or 0
            if len(one.found) < MOST_SHOWN:
                one.found.append(fault.found)
                one.texts.append(as_string(values[position]) or "")
        self.kinds += by_kind.values()

    def source_row(self, position: int) -> int:
        """Give the position in the source of a current row."""
        return position if self.kept is None else int(self.kept[position])

    def keep(self, positions: np.ndarray) -> None:
        """Record that of the current rows only these stay."""
        self.kept = positions if self.kept is None else self.kept[positions]


@dataclass
class Faults:
    """The faults of one column.

    Parameters
    ----------
    origin, column : str
        Source and column of the values.
    repair : str
        What `--repair` would do about them; empty where no repair is safe.
    first_row : int
        Number of rows of the source before this table.
    """

    origin: str
    column: str
    repair: str = ""
    first_row: int = 0
    each: list[tuple[int, FaultError]] = field(default_factory=list)

    def add(self, position: int, fault: FaultError) -> None:
        """Record the fault of the row at a position, from 0."""
        self.each.append((position, fault))

    def check(self, table: pa.Table) -> None:
        """Raise `BrokenValueError` if a fault was recorded."""
        if not self.each:
            return
        first, fault = self.each[0]
        name = next((name for name in ID_COLUMNS if name in table.column_names and name != self.column), None)
        identity = "" if name is None else f" ({name} {table.column(name)[first].as_py()})"
        repair = f" Or read it with --repair, which {self.repair}." if self.repair else ""
        raise BrokenValueError(
            self.origin,
            self.column,
            f"{fault.found} {fault.cure}{repair}",
            rows=[self.first_row + position + 1 for position, _ in self.each[:MOST_KEPT]],
            count=len(self.each),
            identity=identity,
        )


def parse_each(
    values: Sequence[Any], parse: Callable[[int, Any], Any], faults: Faults, *, keeps_none: bool = True
) -> tuple[list[Any], list[int]]:
    """Parse values one by one; a value that is None stays None, unless that is a fault to be found.

    Returns
    -------
    parsed : list
        None where a value had a fault.
    broken : list of int
        Positions of the values with a fault.
    """
    parsed, broken = [], []
    for position, value in enumerate(values):
        try:
            parsed.append(None if value is None and keeps_none else parse(position, value))
        except FaultError as fault:
            faults.add(position, fault)
            parsed.append(None)
            broken.append(position)
    return parsed, broken


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """Options for reading.

    Parameters
    ----------
    encoding, delimiter : str, optional
        None: detected.
    header : bool, optional
        Whether the first line of a CSV or TSV file names the columns; None: unless it shows that it is a row.
    separator : str, optional
        Separator between the labels of one row; None: detected; `none`: there is none.
    label_names : tuple of str
        Names of the places of zeros and ones; empty: `label_0`, `label_1` and so on.
    tags : str, optional
        Which column of tags of a CoNLL file holds the spans: `column_3`.
    repair : bool, default=False
        Fix what is safe to fix (slightly wrong offsets, consecutive turns of one speaker, I- without B-) and note it.
    keep_types : bool, default=False
        Columns of JSON keep what they held before it became text, for whoever writes them again.
    known_labels : frozenset of str
        Labels of rows that were read before; none of them may contain the separator.
    faults : FaultLog, optional
        Collects faults instead of raising the first; rows are then read as with repair.
    origin : str, optional
        What messages call the source; None: its path.
    folder : Path, optional
        Where paths of images count from, and stay in; None: the working folder.
    """

    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    separator: str | None = None
    label_names: tuple[str, ...] = ()
    tags: str | None = None
    repair: bool = False
    keep_types: bool = False
    known_labels: frozenset[str] = frozenset()
    faults: FaultLog | None = None
    origin: str | None = None
    folder: Path | None = None
