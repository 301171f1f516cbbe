"""Remove rows at the user's request; each function reports what it removed."""

from collections import Counter

import numpy as np
import pyarrow.compute as pc

from metier.data.rows import Rows
from metier.errors import MissingLabelError

# One row for each of train, validation and test.
ROWS_TO_SPLIT = 3


def drop_unlabelled(rows: Rows) -> tuple[Rows, int]:
    """Remove rows without a label or other target; gives the remaining rows and the number removed.

    Raises
    ------
    MissingLabelError
        If there is no label column and no other target.
    """
    targets = ("label",) if rows.roles.label is not None else rows.roles.targets
    if not targets:
        raise MissingLabelError(f"{rows.origin} has no label column. Name it with --label.")
    labelled = np.ones(len(rows), dtype=bool)
    for role in targets:
        labelled &= pc.is_valid(rows.table.column(rows.roles.column_of(role))).to_numpy()
    kept = np.flatnonzero(labelled)
    return rows.take(kept), len(rows) - len(kept)


def drop_rare_labels(rows: Rows, *, needed: int = ROWS_TO_SPLIT) -> tuple[Rows, list[str]]:
    """Remove the rows of labels with fewer than `needed` rows; gives the remaining rows and these labels."""
    labels = rows.labels
    counts = Counter(labels)
    rare = sorted(label for label, count in counts.items() if count < needed)
    kept = [index for index, label in enumerate(labels) if counts[label] >= needed]
    return (rows.take(kept) if rare else rows), rare
