"""Parts given by a split column."""

from collections import Counter

import numpy as np

from metier.data.formats.folder import SPLIT_NAMES
from metier.data.rows import Rows
from metier.errors import DataError


def positions_by_split(rows: Rows) -> dict[str, np.ndarray]:
    """Give the positions of the rows of each part of the split column: train, validation, test.

    Raises
    ------
    DataError
        If a row belongs to none of them, or there is no training row.
    """
    values = rows.column("split")
    meant = [SPLIT_NAMES.get(str(value).strip().lower()) for value in values]
    unknown = Counter(repr(value) for value, split in zip(values, meant, strict=True) if split is None)
    if unknown:
        shown = ", ".join(f"{value} ({count:,} rows)" for value, count in unknown.most_common(5))
        raise DataError(
            f"The split column {rows.roles.split!r} of {rows.origin} holds {shown}; expected train, validation "
            "and test. Rename these values, or ignore the column with --split none."
        )
    parts: dict[str, np.ndarray] = {
        name: np.flatnonzero([split == name for split in meant])
        for name in ("train", "validation", "test")
        if name in meant
    }
    if "train" not in parts:
        raise DataError(
            f"The split column {rows.roles.split!r} of {rows.origin} has no row with train. "
            "Add training rows, or ignore the column with --split none."
        )
    return parts
