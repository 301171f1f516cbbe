"""How a source is read: what is not a role."""

from dataclasses import dataclass

from metier.data.columns.value_faults import FaultLog


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How to read.

    Parameters
    ----------
    encoding, delimiter : str, optional
        Detected where they are not named.
    separator : str, optional
        What stands between the labels of one row; detected where it is not named. `none`: nothing does.
    repair : bool, default=False
        Mend what is safe to mend (offsets a little off, turns of one speaker in a row, I- without B-) and say so.
    known_labels : frozenset of str
        Labels of rows that were read before; none of them may hold the separator.
    faults : FaultLog, optional
        Where faults are written instead of raised; the rows are then read as with repair.
    """

    encoding: str | None = None
    delimiter: str | None = None
    separator: str | None = None
    repair: bool = False
    known_labels: frozenset[str] = frozenset()
    faults: FaultLog | None = None
