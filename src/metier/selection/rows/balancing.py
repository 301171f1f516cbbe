"""`--balance`: training rows are repeated until no group has a label more often than another.

Reweighing [1]_ gives a row of group g with label y the weight P(g) P(y) / P(g, y). No method here takes weights of rows, so
rows stand as often as their weight, relative to the smallest, says (the same authors' sampling): every method can use it,
and no row is lost. A setting that a method chooses on held-out parts of these rows may then be chosen on repeated ones.

References
----------
.. [1] Kamiran and Calders, "Data preprocessing techniques for classification without discrimination", 2012,
   doi:10.1007/s10115-011-0463-8.
"""

from collections import Counter
from dataclasses import replace

import numpy as np

from metier.audit.labels import labels_of_rows
from metier.data import Rows, Splits
from metier.errors import CallError, suggest
from metier.figures import count_of
from metier.selection.settings import TrainSettings

MOST_GROUPS = 30
MOST_TIMES = 20  # A row is repeated, however rare its group and label are together.


def balance_splits(splits: Splits, settings: TrainSettings) -> tuple[Splits, list[str]]:
    """Repeat training rows where that is asked for; gives what to report about it, too.

    Raises
    ------
    CallError
        If there is no such column, it does not group the rows, or rows have no labels.
    """
    column = settings.data.balance
    if column is None:
        return splits, []
    taken = balanced_positions(splits.train, column, random_state=settings.random_state)
    added = len(taken) - len(splits.train)
    note = f"--balance {column} repeated {count_of(added, 'training row')}"
    return replace(splits, train=splits.train.take(taken)), [note]


def balanced_positions(rows: Rows, column: str, *, random_state: int = 0) -> np.ndarray:
    """Give the positions of rows, some more than once, an ndarray of int64; raises as `balance_splits` does."""
    names = rows.table.column_names
    if column not in names:
        raise CallError(
            f"{rows.origin} has no column {column!r}.{suggest(column, names)} Found {', '.join(names)}."
        )
    groups = [str(value) for value in rows.table.column(column).to_pylist()]
    if not 2 <= len(set(groups)) <= MOST_GROUPS:
        raise CallError(
            f"The column {column!r} of {rows.origin} has {len(set(groups))} values. Expected 2 to {MOST_GROUPS} groups: "
            "name a column that groups the rows."
        )
    labels = labels_of_rows(rows)
    if not labels:
        raise CallError(f"{rows.origin} has no labels, so no group has one too often. Leave --balance out.")
    cells = [(group, tuple(sorted(own))) for group, own in zip(groups, labels, strict=True)]
    of_cell, of_group = Counter(cells), Counter(groups)
    of_label = Counter(label for _, label in cells)
    weights = np.array([of_group[group] * of_label[label] / of_cell[group, label] for group, label in cells])
    times = np.minimum(weights / weights.min(), MOST_TIMES)
    random = np.random.default_rng(random_state)
    whole = np.floor(times + random.random(len(times))).astype(np.int64)
    return np.repeat(np.arange(len(times)), whole)
