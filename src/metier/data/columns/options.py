"""Options for reading a source, other than the roles of columns."""

from dataclasses import dataclass

from metier.data.columns.value_faults import FaultLog


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """Options for reading.

    Parameters
    ----------
    encoding, delimiter : str, optional
        None: detected.
    separator : str, optional
        Separator between the labels of one row; None: detected; `none`: there is none.
    repair : bool, default=False
        Fix what is safe to fix (slightly wrong offsets, consecutive turns of one speaker, I- without B-) and note it.
    known_labels : frozenset of str
        Labels of rows that were read before; none of them may contain the separator.
    faults : FaultLog, optional
        Collects faults instead of raising the first; rows are then read as with repair.
    """

    encoding: str | None = None
    delimiter: str | None = None
    separator: str | None = None
    repair: bool = False
    known_labels: frozenset[str] = frozenset()
    faults: FaultLog | None = None
