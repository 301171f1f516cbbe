"""What an update did: answers before and after, on rows that neither model has learned."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class JudgedRows:
    """Test rows, answered by the bundle as it was and as it became.

    Parameters
    ----------
    texts : tuple
        What was asked.
    targets : tuple
        What they should be answered with, in the names that labels have after the update.
    before, after : tuple
        Answers; those before in the names of after, where a label was renamed or merged.
    before_sure, after_sure : tuple of float
        The probability of each answer; empty where answers have none.
    """

    texts: tuple[Any, ...]
    targets: tuple[Any, ...]
    before: tuple[Any, ...]
    after: tuple[Any, ...]
    before_sure: tuple[float, ...] = ()
    after_sure: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class UpdateResult:
    """What came of an update.

    Parameters
    ----------
    old : JudgedRows
        Test rows of what was known before. Rows of a label that was split are left out: their new label is not known.
    new : JudgedRows
        Rows of the update file that were held out of it.
    method : str
        That learned.
    folder : Path or None
        The new bundle; None: nothing was written.
    source : Path
        The bundle that was updated.
    facts : dict
        For JSON: rows, labels, figures with intervals, other methods beside, notes.
    """

    old: JudgedRows
    new: JudgedRows
    method: str
    folder: Path | None
    source: Path
    facts: dict[str, Any] = field(default_factory=dict)
