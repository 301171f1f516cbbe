"""Rows that belong together: one customer's tickets, one document's sentences, one row answered several times.

Such rows resemble one another, so a hundred rows of ten groups say little more than ten rows. Whole groups are
therefore drawn into bootstrap samples [1]_, and the answers of whole groups are swapped in tests. A metric that is a
function of sums over rows needs nothing else: a group is then a row whose statistics are the sums of its rows.

References
----------
.. [1] Cameron and Miller, "A practitioner's guide to cluster-robust inference", 2015.
"""

from collections.abc import Sequence

import numpy as np


def group_codes(groups: Sequence[int] | np.ndarray | None, n_rows: int) -> np.ndarray | None:
    """Give the group of each row as a code from 0, an int ndarray of shape (n_rows,); None: every row is its own.

    Raises
    ------
    ValueError
        If there is not one group per row.
    """
    if groups is None:
        return None
    if len(groups) != n_rows:
        raise ValueError(
            f"Expected the group of every row, found {len(groups)} groups for {n_rows} rows. Give one code per row."
        )
    kinds, codes = np.unique(np.asarray(groups), return_inverse=True)
    return None if len(kinds) == n_rows else codes.astype(np.int64)


def count_units(groups: np.ndarray | None, n_rows: int) -> int:
    """Give how many independent units the rows are: groups by their codes, or rows."""
    return n_rows if groups is None else int(groups.max()) + 1


def sum_groups(table: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Add up the rows of each group: (n_rows, n_columns) becomes (n_groups, n_columns)."""
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups)
    return np.add.reduceat(table[order], np.cumsum(sizes) - sizes, axis=0)
